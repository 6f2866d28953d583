//! What is said on the command line, and what the API is asked for by that.

use std::collections::BTreeMap;

use clap::{ArgMatches, CommandFactory as _, Parser as _};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    kind::{Field, Kind, Value},
    kinds::KINDS,
};
use crate::{
    cli::arguments::{Arguments, Subcommands},
    objects::{self, Create, Form, Head, Object, Stamp, Update, When},
};

fn command(line: &str) -> Result<super::Command, clap::Error> {
    let words = ["holdfast"].into_iter().chain(line.split_whitespace());
    match Arguments::try_parse_from(words)?.command {
        Subcommands::Objects(command) => Ok(command),
        other => panic!("{other:?}"),
    }
}

/// What a line says of the fields of its kind.
fn said(line: &str) -> Json {
    let command = command(line).unwrap_or_else(|error| panic!("{error}"));
    let has = |matches: &ArgMatches, field: &Field| matches.try_contains_id(field.option).is_ok();
    let fields = command
        .kind
        .fields
        .iter()
        .filter(|field| has(&command.matches, field));
    let said = fields.filter_map(|field| Some((field.key.to_owned(), field.said(&command.matches)?)));
    Json::Object(said.collect())
}

#[test]
fn options_become_the_fields_of_the_api() {
    for (line, fields) in [
        (
            "lb create web --vip 192.0.2.10",
            json!({"vip_address": "192.0.2.10"}),
        ),
        ("lb create web", json!({})),
        ("lb create web --subnet four", json!({"vip_subnet_id": "four"})),
        (
            "listener create https --lb web --protocol terminated_https --port 443 --timeout-client-data 50s \
             --insert-header X-Forwarded-For=true --insert-header X-Forwarded-Port=true",
            json!({
                "loadbalancer_id": "web", "protocol": "TERMINATED_HTTPS", "protocol_port": 443,
                "timeout_client_data": 50_000,
                "insert_headers": {"X-Forwarded-For": "true", "X-Forwarded-Port": "true"},
            }),
        ),
        (
            "pool create web --lb web --protocol HTTP",
            json!({"loadbalancer_id": "web", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}),
        ),
        (
            "pool set web --session-persistence type=HTTP_COOKIE,timeout=20m --tag a --tag b",
            json!({
                "session_persistence": {"type": "HTTP_COOKIE", "persistence_timeout": 1200},
                "tags": ["a", "b"],
            }),
        ),
        (
            "pool set web --session-persistence none",
            json!({"session_persistence": null}),
        ),
        (
            "member set 192.0.2.30:8080 --pool web --weight 0",
            json!({"weight": 0}),
        ),
        (
            "healthmonitor create --pool web --type HTTP --delay 5 --timeout 2s",
            json!({"pool_id": "web", "type": "HTTP", "delay": 5, "timeout": 2, "max_retries": 3}),
        ),
        (
            "l7rule create --l7policy api --type HEADER --key X-Api --value 1 --invert",
            json!({
                "type": "HEADER", "compare_type": "EQUAL_TO", "key": "X-Api", "value": "1", "invert": true,
            }),
        ),
        (
            "listener set web --connection-limit -1",
            json!({"connection_limit": -1}),
        ),
    ] {
        assert_eq!(said(line), fields, "{line}");
    }
}

#[test]
fn what_is_missing_or_makes_no_sense_is_a_mistake_of_the_command_line() {
    for (line, says) in [
        (
            "pool create web --protocol TCP",
            "<--lb <NAME|ID>|--listener <NAME|ID>>",
        ),
        ("lb create web --vip nowhere", "write an IPv4 or IPv6 address"),
        ("pool set web", "--session-persistence"),
        ("pool set web --protocol TCP", "unexpected argument '--protocol'"),
        (
            "pool set web --session-persistence type=COOKIE",
            "it is one of SOURCE_IP",
        ),
        (
            "pool create web --lb a --protocol FTP",
            "possible values: HTTP, HTTPS",
        ),
        ("member create 192.0.2.30:80", "--pool <NAME|ID>"),
        (
            "member create --pool web 192.0.2.30",
            "write it as in 192.0.2.30:8080",
        ),
        ("listener set a --timeout-client-data 50", "with its unit"),
        ("lb set a --enable --disable", "cannot be used with"),
        ("listener delete a --cascade", "unexpected argument '--cascade'"),
        ("lb list --output xml", "possible values: table, json, yaml"),
    ] {
        let error = command(line).expect_err(line);
        assert!(error.to_string().contains(says), "{line}: {error}");
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

/// The fields of the API's objects of a kind, as their form has them.
#[derive(Default)]
struct Fields(BTreeMap<&'static str, (When, Json)>);

impl Form for Fields {
    fn field<T: Clone>(
        &mut self,
        name: &'static str,
        when: When,
        _: &mut T,
        _: &T,
        kind: &dyn objects::Kind<T>,
    ) {
        self.0.insert(name, (when, kind.schema()));
    }
}

fn fields_of<T: Object>() -> Fields {
    let mut fields = Fields::default();
    T::blank(Head::new(Uuid::nil(), Stamp::default())).form(&mut fields);
    fields
}

#[test]
fn every_option_is_a_field_of_the_api_that_may_be_said_there() {
    let forms = [
        fields_of::<objects::LoadBalancer>(),
        fields_of::<objects::Listener>(),
        fields_of::<objects::Pool>(),
        fields_of::<objects::Member>(),
        fields_of::<objects::HealthMonitor>(),
        fields_of::<objects::L7Policy>(),
        fields_of::<objects::L7Rule>(),
        fields_of::<objects::Flavor>(),
        fields_of::<objects::FlavorProfile>(),
    ];
    for (kind, form) in KINDS.into_iter().zip(&forms) {
        for field in kind.fields {
            let place = format!("{} --{}", kind.command, field.option);
            let (when, schema) = form
                .0
                .get(field.key)
                .unwrap_or_else(|| panic!("{place}: no field"));
            assert_eq!(field.when.on_set(), when.on_update == Update::Optional, "{place}");
            // What the API wants is wanted here too, or said by itself.
            let is_said = field.when.is_required() || matches!(field.when, super::kind::When::Usually(_));
            assert!(is_said || when.on_create == Create::Optional, "{place}");
            if let Value::Word(words) = field.value {
                // What the rules refuse whatever else is said, is not offered.
                let all = schema["enum"].as_array().unwrap();
                let is_known = |word: &&str| all.contains(&json!(word));
                assert!(!words().is_empty() && words().iter().all(is_known), "{place}");
            }
        }
        assert_switch(kind, form);
    }
}

fn assert_switch(kind: &Kind, form: &Fields) {
    if let Some(switch) = kind.switch {
        assert!(form.0.contains_key(switch), "{}", kind.command);
    }
}

#[test]
fn a_command_says_what_it_does_and_to_what() {
    let command = Arguments::command();
    for (kind, verb, says) in [
        ("lb", "create", "Makes a load balancer"),
        ("pool", "list", "Lists pools"),
        ("member", "show", "Shows all of a member"),
        (
            "listener",
            "set",
            "Changes a listener: what is named, and nothing else",
        ),
        ("flavor", "delete", "Takes flavors away"),
    ] {
        let verb = command
            .find_subcommand(kind)
            .and_then(|kind| kind.find_subcommand(verb));
        let about = verb.and_then(|verb| verb.get_about()).map(ToString::to_string);
        assert_eq!(about.as_deref(), Some(says));
    }
}

#[test]
fn a_kind_is_called_by_its_other_names_too() {
    for (line, kind) in [
        ("loadbalancer list", "lb"),
        ("policy list", "l7policy"),
        ("rule list", "l7rule"),
    ] {
        assert_eq!(command(line).unwrap().kind.command, kind);
    }
}
