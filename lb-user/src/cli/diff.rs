//! `holdfast diff FILE`: what a reload with that file would change.

mod refusals;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
};

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::Value as Json;

use super::{
    escape,
    exit::{Exit, Failure},
    export::{Named, named, running},
    format::{Format, Output},
    output,
    paint::{self, Colours, Mood},
};
use crate::{config, control::Running, model::Config};

/// The objects of a configuration, and the keys under which others have them.
const OBJECTS: [(&str, &str); 5] = [
    ("load_balancer", "load balancer"),
    ("listener", "listener"),
    ("policy", "policy"),
    ("pool", "pool"),
    ("member", "member"),
];
/// What tells most of one that is new or goes.
const TELLING: [&str; 9] = [
    "vip",
    "protocol",
    "port",
    "pool",
    "algorithm",
    "address",
    "weight",
    "action",
    "type",
];

/// Which object it is: the kinds and names from the outermost one on.
type Place = Vec<(&'static str, String)>;
type Fields = BTreeMap<String, String>;

/// Compares as diff(1) does: whatever keeps it from that is trouble.
pub(super) fn run(socket: &Path, file: &Path, format: Format) -> anyhow::Result<Exit> {
    let trouble = |error| Failure {
        exit: Exit::Trouble,
        // All mistakes of a file, a line each.
        text: format!("{error:#}"),
    };
    compare(socket, file, format).map_err(|error| trouble(error).into())
}

fn compare(socket: &Path, file: &Path, format: Format) -> anyhow::Result<Exit> {
    let wanted = match config::load(file) {
        Ok(loaded) => loaded.config,
        Err(mistakes) => bail!("{mistakes:#}"),
    };
    let running = running(socket)?;
    let refusals = refusals::refusals(&running, &wanted);
    let Running {
        config, made_by_api, ..
    } = running;
    let running = named(config);
    let differences = Differences {
        refusals,
        ..Differences::between(&running, &made_by_api, &wanted)?
    };
    if differences.stay > 0 {
        let stay = differences.stay;
        output::complain(format_args!(
            "{stay} load balancers and pools of the API are not in the file, and stay as they are"
        ));
    }
    if format.output() != Output::Table || !differences.lines.is_empty() {
        format.print(&differences, |colours| differences.text(colours))?;
    }
    for refusal in &differences.refusals {
        let refusal = escape::line(refusal);
        output::complain(format_args!("a reload would be refused: {refusal}"));
    }
    Ok(match (&differences.refusals[..], &differences.lines[..]) {
        ([], []) => Exit::Done,
        ([], _) => Exit::Different,
        _ => Exit::Trouble,
    })
}

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Fate {
    Added,
    Removed,
    Changed,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Differences {
    #[serde(rename = "differences")]
    lines: Vec<Line>,
    /// How many load balancers and pools are of the API, and none of the file's business.
    stay: usize,
    /// Why the daemon would not take the file.
    refusals: Vec<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Line {
    fate: Fate,
    /// Of what, and how it is or changes.
    what: String,
}

impl Differences {
    fn between(running: &Named, made_by_api: &BTreeSet<String>, wanted: &Config) -> anyhow::Result<Self> {
        let (before, after) = (objects(&running.config)?, objects(wanted)?);
        let of_api = |kind, names: &super::export::Names| {
            let made = names.iter().filter(|(key, _)| made_by_api.contains(*key));
            made.map(|(_, name)| vec![(kind, name.clone())])
                .collect::<Vec<Place>>()
        };
        let mut stay = of_api("load balancer", &running.balancers);
        stay.extend(of_api("pool", &running.pools));
        // One that is in the file as well is the file's business.
        let stay: BTreeSet<Place> = stay
            .into_iter()
            .filter(|place| !after.contains_key(place))
            .collect();
        let mut differences = Self {
            stay: stay.len(),
            ..Self::default()
        };
        let places: BTreeSet<&Place> = before.keys().chain(after.keys()).collect();
        for place in places {
            let line = match (before.get(place), after.get(place)) {
                (Some(_), None) if stay.contains(&place[..1]) => None,
                (Some(fields), None) => Some((Fate::Removed, whole(place, fields))),
                (None, Some(fields)) => Some((Fate::Added, whole(place, fields))),
                (Some(before), Some(after)) if before != after => {
                    Some((Fate::Changed, changes(place, before, after)))
                }
                _ => None,
            };
            let line = line.map(|(fate, what)| Line { fate, what });
            differences.lines.extend(line);
        }
        Ok(differences)
    }

    fn text(&self, colours: Colours) -> String {
        let lines = self.lines.iter().map(|Line { fate, what }| {
            let (sign, mood) = match fate {
                Fate::Added => ('+', Mood::Good),
                Fate::Removed => ('-', Mood::Bad),
                Fate::Changed => ('~', Mood::Fair),
            };
            paint::text_of(&format!("{sign} {what}"), mood, colours)
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn called(place: &Place) -> String {
    let names = place.iter().rev().map(|(kind, name)| match name.as_str() {
        "" => (*kind).to_owned(),
        name => format!("{kind} \"{}\"", escape::line(name)),
    });
    names.collect::<Vec<_>>().join(" of ")
}

fn whole(place: &Place, fields: &Fields) -> String {
    let telling = TELLING
        .iter()
        .filter_map(|key| Some(format!("{key} {}", escape::line(fields.get(*key)?))));
    format!("{}: {}", called(place), telling.collect::<Vec<_>>().join(", "))
}

fn changes(place: &Place, before: &Fields, after: &Fields) -> String {
    let mut text = called(place);
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let (old, new) = (before.get(key), after.get(key));
        if old != new {
            let [old, new] = [old, new].map(|value| escape::line(value.map_or("(none)", String::as_str)));
            let _ = write!(text, "\n    {key}: {old} -> {new}");
        }
    }
    text
}

/// All objects of a configuration; what belongs to none is of sections.
fn objects(config: &Config) -> anyhow::Result<BTreeMap<Place, Fields>> {
    let Json::Object(sections) = serde_json::to_value(config).context("a configuration cannot be written")?
    else {
        return Ok(BTreeMap::new());
    };
    let mut all = BTreeMap::new();
    for (key, value) in &sections {
        if let Some(kind) = kind_of(key) {
            note_all(kind, value, &Place::new(), &mut all);
        } else {
            let mut fields = Fields::new();
            note_field("", value, &mut fields);
            all.insert(vec![("section", key.clone())], fields);
        }
    }
    Ok(all)
}

fn kind_of(key: &str) -> Option<&'static str> {
    let mut kinds = OBJECTS.iter();
    kinds.find(|(known, _)| *known == key).map(|(_, kind)| *kind)
}

fn note_all(kind: &'static str, objects: &Json, above: &Place, all: &mut BTreeMap<Place, Fields>) {
    for object in objects.as_array().into_iter().flatten() {
        let name = object["name"].as_str().unwrap_or_default();
        let mut place = above.clone();
        place.push((kind, name.to_owned()));
        let mut fields = Fields::new();
        for (key, value) in object.as_object().into_iter().flatten() {
            match kind_of(key) {
                // Of a listener also the name of its pool is under such a key.
                Some(below) if value.is_array() => {
                    note_all(below, value, &place, all);
                    // They are asked one after the other.
                    if below == "policy" {
                        let names = value.as_array().into_iter().flatten();
                        let names: Vec<_> = names.filter_map(|one| one["name"].as_str()).collect();
                        fields.insert("order of policies".into(), names.join(", "));
                    }
                }
                _ if key == "name" => {}
                _ => note_field(key, value, &mut fields),
            }
        }
        all.insert(place, fields);
    }
}

/// A field, and those within it: `timeouts.idle_s`.
fn note_field(key: &str, value: &Json, fields: &mut Fields) {
    match value {
        Json::Object(within) => {
            for (below, value) in within {
                let key = if key.is_empty() {
                    below.clone()
                } else {
                    format!("{key}.{below}")
                };
                note_field(&key, value, fields);
            }
        }
        Json::String(text) => drop(fields.insert(key.to_owned(), text.clone())),
        other => drop(fields.insert(key.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [datapath]
        interfaces = ["eth0"]
        [[load_balancer]]
        name = "web"
        vip = "192.0.2.1"
        [[load_balancer.listener]]
        name = "http"
        protocol = "TCP"
        port = 80
        pool = "backs"
        [[pool]]
        name = "backs"
        member = [{ name = "one", address = "10.0.0.1", port = 80 }]
    "#;

    pub(super) fn config(text: &str) -> Config {
        config::parse(text, "file.toml")
            .unwrap_or_else(|mistakes| panic!("{mistakes:#}"))
            .config
    }

    /// What `FILE` with these replacements would change; what the API has made is named.
    fn difference(replacements: &[(&str, &str)], made_by_api: &[&str]) -> Differences {
        let mut text = FILE.to_owned();
        for (old, new) in replacements {
            assert!(text.contains(old), "{old}");
            text = text.replace(old, new);
        }
        let made = made_by_api.iter().map(|key| (*key).to_owned()).collect();
        Differences::between(&named(config(FILE)), &made, &config(&text)).unwrap()
    }

    #[test]
    fn a_file_that_runs_makes_no_difference() {
        assert_eq!(difference(&[], &[]), Differences::default());
    }

    #[test]
    fn what_changes_is_said_field_by_field() {
        let text = difference(
            &[
                ("port = 80 }", "port = 81, weight = 5 }"),
                ("\"TCP\"", "\"UDP\""),
                ("eth0", "eth1"),
            ],
            &[],
        );
        let expected = "\
~ listener \"http\" of load balancer \"web\"
    protocol: TCP -> UDP
~ member \"one\" of pool \"backs\"
    port: 80 -> 81
    weight: 1 -> 5
~ section \"datapath\"
    interfaces: [\"eth0\"] -> [\"eth1\"]";
        assert_eq!(text.text(Colours::Off), expected);
    }

    #[test]
    fn what_comes_and_goes_is_said_by_what_tells_most() {
        let text = difference(
            &[
                ("name = \"one\"", "name = \"two\""),
                ("name = \"web\"", "name = \"shop\""),
            ],
            &[],
        );
        let expected = "\
+ load balancer \"shop\": vip 192.0.2.1
+ listener \"http\" of load balancer \"shop\": protocol TCP, port 80, pool backs
- load balancer \"web\": vip 192.0.2.1
- listener \"http\" of load balancer \"web\": protocol TCP, port 80, pool backs
- member \"one\" of pool \"backs\": port 80, address 10.0.0.1, weight 1
+ member \"two\" of pool \"backs\": port 80, address 10.0.0.1, weight 1";
        assert_eq!(text.text(Colours::Off), expected);
    }

    #[test]
    fn what_the_api_has_made_stays_unless_the_file_has_it_too() {
        let gone = [("name = \"web\"", "name = \"shop\"")];
        let differences = difference(&gone, &["web"]);
        assert_eq!(differences.stay, 1);
        assert!(differences.lines.iter().all(|line| line.fate == Fate::Added));
        let changed = difference(&[("port = 80\n", "port = 81\n")], &["web"]);
        assert_eq!((changed.stay, changed.lines.len()), (0, 1));
    }
}
