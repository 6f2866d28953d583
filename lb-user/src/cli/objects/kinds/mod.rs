//! The kinds of objects that there are.

mod flavor;
mod health_monitor;
mod l7policy;
mod listener;
mod pool;

use super::kind::{
    Column, Field, Kind, Shows,
    Value::{self, Text, Texts},
    When::{self, Open},
};

/// All kinds, in the order of the help.
pub(super) static KINDS: [&Kind; 9] = [
    &listener::LOAD_BALANCER,
    &listener::LISTENER,
    &pool::POOL,
    &pool::MEMBER,
    &health_monitor::HEALTH_MONITOR,
    &l7policy::L7POLICY,
    &l7policy::L7RULE,
    &flavor::FLAVOR,
    &flavor::FLAVOR_PROFILE,
];

const fn field(
    option: &'static str,
    key: &'static str,
    when: When,
    value: Value,
    help: &'static str,
) -> Field {
    Field {
        option,
        key,
        when,
        value,
        help,
    }
}

const fn column(title: &'static str, key: &'static str) -> Column {
    let shows = Shows::Value;
    Column { title, key, shows }
}

const fn state(title: &'static str, key: &'static str) -> Column {
    let shows = Shows::State;
    Column { title, key, shows }
}

const fn name_of(title: &'static str, key: &'static str, kind: &'static Kind) -> Column {
    let shows = Shows::NameOf(kind);
    Column { title, key, shows }
}

const DESCRIPTION: Field = field("description", "description", Open, Text("TEXT"), "What it is for");
const TAG: Field = field(
    "tag",
    "tags",
    Open,
    Texts("TAG"),
    "A tag; as often as there are some, and in place of those that there are",
);

/// What TLS is spoken by, of listeners and of pools.
const TLS_CIPHERS: Field = field(
    "tls-ciphers",
    "tls_ciphers",
    Open,
    Text("LIST"),
    "The ciphers of TLS, separated by colons",
);
const TLS_VERSION: Field = field(
    "tls-version",
    "tls_versions",
    Open,
    Texts("VERSION"),
    "A version of TLS, as in TLSv1.3",
);
const ALPN_PROTOCOL: Field = field(
    "alpn-protocol",
    "alpn_protocols",
    Open,
    Texts("PROTOCOL"),
    "A protocol that is offered, as in h2",
);
const PROVISIONING: Column = state("PROVISIONING", "provisioning_status");
const OPERATING: Column = state("OPERATING", "operating_status");
const ID: Column = column("ID", "id");
const NAME: Column = column("NAME", "name");
