//! Health monitors.

use super::{
    super::kind::{
        Below, Kind, Subject,
        Value::{Number, Reference, Seconds, Text, Word},
        When::{Open, Required, RequiredFixed, Usually},
    },
    ID, NAME, OPERATING, PROVISIONING, TAG, column, field, name_of,
    pool::POOL,
};
use crate::objects::{self, Object as _, Offered as _};

/// How it finds out which members are up.
pub(super) static HEALTH_MONITOR: Kind = Kind {
    command: "healthmonitor",
    aliases: &[],
    one: "health monitor",
    several: "health monitors",
    singular: objects::HealthMonitor::SINGULAR,
    plural: objects::HealthMonitor::PLURAL,
    shown: objects::HealthMonitor::FIELDS,
    parent: None,
    subject: Subject::MaybeName,
    fields: &[
        field(
            "pool",
            "pool_id",
            RequiredFixed,
            Reference(&POOL),
            "The pool whose members it asks",
        ),
        field(
            "type",
            "type",
            RequiredFixed,
            Word(objects::MonitorType::offered),
            "What is asked",
        ),
        field("delay", "delay", Required, Seconds, "From one probe to the next"),
        field(
            "timeout",
            "timeout",
            Required,
            Seconds,
            "How long a probe may take",
        ),
        field(
            "max-retries",
            "max_retries",
            Usually("3"),
            Number,
            "After so many good probes a member is up",
        ),
        field(
            "max-retries-down",
            "max_retries_down",
            Open,
            Number,
            "After so many bad ones it is down",
        ),
        field(
            "http-method",
            "http_method",
            Open,
            Word(objects::MonitorMethod::offered),
            "How it is asked over HTTP",
        ),
        field(
            "url-path",
            "url_path",
            Open,
            Text("PATH"),
            "What is asked for over HTTP",
        ),
        field(
            "expected-codes",
            "expected_codes",
            Open,
            Text("CODES"),
            "Which answers are good: 200, 200-204, 200,301",
        ),
        field(
            "http-version",
            "http_version",
            Open,
            Text("VERSION"),
            "1.0 or 1.1",
        ),
        field(
            "domain-name",
            "domain_name",
            Open,
            Text("NAME"),
            "The host that is asked for",
        ),
        TAG,
    ],
    either: &[],
    columns: &[
        NAME,
        name_of("POOL", "pools", &POOL),
        column("TYPE", "type"),
        column("DELAY", "delay"),
        column("TIMEOUT", "timeout"),
        PROVISIONING,
        OPERATING,
        ID,
    ],
    filters: &["pool"],
    switch: Some("admin_state_up"),
    below: Below::Nothing,
    example: "holdfast healthmonitor create --pool web --type HTTP --delay 5s --timeout 2s --url-path /health",
};
