//! Whole files: what they come to, and what is said about the ones that are wrong.

mod api;
mod examples;
mod files;
mod http;
mod identity;
mod persistence;
mod policies;
mod policy_rules;
mod pools;
mod random;
mod reference;
mod settings;
mod syntax;

use super::{Diagnostic, Loaded, parse};

/// A file that is right, for the cases to spoil.
const BASE: &str = r#"[datapath]
interfaces = ["eth0"]
[[load_balancer]]
name = "web"
vip = "192.0.2.10"
[[load_balancer.listener]]
name = "http"
protocol = "TCP"
port = 80
pool = "web"
[[pool]]
name = "web"
[[pool.member]]
address = "10.0.0.11"
port = 8080
"#;

/// The least that a file needs. At its end it leaves the numbers of its lines alone.
const INTERFACES: &str = "\n[datapath]\ninterfaces = [\"eth0\"]\n";

/// One way to spoil [`BASE`].
struct Case {
    /// What is wrong, as a sentence.
    when: &'static str,
    /// A part of [`BASE`], and what stands there instead.
    change: (&'static str, &'static str),
    /// All that is said about it: `line:column: text`, where a part of the text is enough.
    says: &'static [&'static str],
}

fn check(cases: &[Case]) {
    all_say(cases.iter().map(
        |Case {
             when,
             change: (from, to),
             says,
         }| {
            assert!(BASE.contains(from), "{when}: {from:?} is not in the base");
            (*when, BASE.replacen(from, to, 1), *says)
        },
    ));
}

/// Asserts that `text` brings up what is expected, in this order, and nothing else.
fn says_about(when: &str, text: &str, expected: &[&str]) {
    all_say([(when, text.to_owned(), expected)]);
}

/// The same for many texts, each with the sentence that says what it is.
fn all_say<'c>(cases: impl IntoIterator<Item = (&'c str, String, &'c [&'c str])>) {
    let mut failures = Vec::new();
    for (when, text, expected) in cases {
        let said: Vec<_> = diagnostics(&text).iter().map(one_line).collect();
        let pairs = said.iter().zip(expected);
        if said.len() != expected.len() || pairs.clone().any(|(said, expected)| !matches(said, expected)) {
            failures.push(format!(
                "{when}\nsaid:\n  {}\nexpected:\n  {}\n",
                said.join("\n  "),
                expected.join("\n  ")
            ));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

fn diagnostics(text: &str) -> Vec<Diagnostic> {
    match parse(text, "") {
        Ok(loaded) => loaded.warnings,
        Err(diagnostics) => diagnostics.as_slice().to_vec(),
    }
}

/// Without the name of the file, which is empty here.
fn one_line(diagnostic: &Diagnostic) -> String {
    diagnostic.to_string().trim_start_matches(':').to_owned()
}

fn matches(said: &str, expected: &str) -> bool {
    let (place, text) = expected.split_once(' ').expect("a place and a text");
    said.strip_prefix(place).is_some_and(|rest| rest.contains(text))
}

fn loaded(text: &str) -> Loaded {
    parse(text, "test.toml").unwrap_or_else(|diagnostics| panic!("{diagnostics:#}"))
}

#[test]
fn the_base_of_the_cases_is_right() {
    assert_eq!(loaded(BASE).warnings, []);
}

#[test]
fn interfaces_alone_are_a_balancer_with_nothing_to_balance() {
    let Loaded { mut config, warnings } = loaded(INTERFACES);
    assert_eq!(config.datapath.interfaces, ["eth0"]);
    config.datapath.interfaces.clear();
    assert_eq!(config, crate::model::Config::default());
    assert_eq!(warnings, []);
}

#[test]
fn an_empty_file_leaves_all_to_the_api() {
    assert_eq!(loaded("").config, crate::model::Config::default());
}

#[test]
fn every_mistake_of_a_file_is_reported_by_line() {
    let text = BASE
        .replace("\"192.0.2.10\"", "\"192.0.2.300\"")
        .replace("\"TCP\"", "6")
        .replace("pool = \"web\"", "pool = \"wbe\"")
        .replace("port = 8080", "port = \"8080\"\nwieght = 5\nadmin_state_up = 1");
    says_about(
        "five mistakes of five kinds",
        &text,
        &[
            "5:7: vip \"192.0.2.300\" is not an IP address",
            "8:12: protocol must be a string, not the integer 6",
            "10:8: there is no pool \"wbe\"; did you mean \"web\"?",
            "11:1: warning: pool \"web\": no listener uses it",
            "15:8: port must be an integer, not the string \"8080\"",
            "16:1: unknown key \"wieght\"; did you mean `weight`?",
            "17:18: admin_state_up must be true or false, not the integer 1",
        ],
    );
}

#[test]
fn a_mistake_reads_as_the_documentation_promises() {
    let text = BASE.replace("port = 8080", "port = 8080\nweight = 257");
    let diagnostics = parse(&text, "holdfast.toml").unwrap_err();
    assert_eq!(
        diagnostics.to_string(),
        "holdfast.toml:16:10: pool \"web\", member \"10.0.0.11\": \
         weight 257 is out of range; a member's weight is 0 to 256"
    );
    assert!(format!("{diagnostics:#}").ends_with("\n   16 | weight = 257\n      |          ^^^"));
}
