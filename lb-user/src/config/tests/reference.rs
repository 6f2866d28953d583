//! The reference of the configuration in the book, made of what the reader asks for: which keys there are, what it says each of
//! them has to be, and what the examples say of them.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use toml::{Table, Value};

use super::super::{parse, reader::asked};

const BOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/configuration.md");

const HEAD: &str = "<!-- Written by a test of lb-user: HOLDFAST_WRITE_DOCS=1 cargo test -p lb-user --lib -- reference -->

# Configuration reference

All keys that there are, by the table that they stand in. *Is* says what is taken; the value beside it is that of an example, and where
it says \"default\", what holds where the line is left out. Units stand in the names: `_s` is seconds, `_min` is minutes. An unknown
key is an error that says which one was meant. `holdfast check FILE` finds all mistakes of a file at once.
";

/// An example, as text and as what it says.
struct Example {
    text: String,
    table: Table,
}

fn examples() -> Vec<Example> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    // Those that say everything come before those that show something.
    files.sort_by_key(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let whole = ["holdfast", "http", "api"]
            .iter()
            .position(|whole| *whole == name);
        (whole.unwrap_or(usize::MAX), name)
    });
    let texts = files.iter().map(|path| fs::read_to_string(path).unwrap());
    texts
        .map(|text| Example {
            table: text.parse().unwrap(),
            text,
        })
        .collect()
}

/// The tables at such a path, `pool.member.`: calls `found` for the one of this number, if there are so many.
fn at(value: &mut Value, path: &[&str], number: &mut usize, found: &mut dyn FnMut(&mut Table)) {
    match (value, path) {
        (Value::Table(table), []) => {
            if *number == 0 {
                found(table);
            }
            *number = number.wrapping_sub(1);
        }
        (Value::Table(table), [first, rest @ ..]) => {
            if let Some(value) = table.get_mut(*first) {
                at(value, rest, number, found);
            }
        }
        (Value::Array(all), path) => all.iter_mut().for_each(|one| at(one, path, number, found)),
        _ => {}
    }
}

fn parts(path: &str) -> Vec<&str> {
    path.split('.').filter(|part| !part.is_empty()).collect()
}

/// What is complained of where the value of a key is this one, in some table of an example. Where a key is for other tables, it is
/// looked for in these.
fn complaint(example: &Example, path: &str, key: &str, value: &Value) -> Option<String> {
    for number in 0..8 {
        let mut whole = Value::Table(example.table.clone());
        let mut is_there = false;
        at(&mut whole, &parts(path), &mut number.clone(), &mut |table| {
            table.insert(key.to_owned(), value.clone());
            is_there = true;
        });
        if !is_there {
            return None;
        }
        let text = toml::to_string(&whole).unwrap();
        let Err(complaints) = parse(&text, "example.toml") else {
            continue;
        };
        let complaints = complaints.to_string();
        let start = format!(": {key} ");
        let mut lines = complaints
            .lines()
            .filter_map(|line| line.split_once(&start).map(|(_, behind)| behind));
        if let Some(line) = lines.find(|line| !line.contains(" only; leave it out")) {
            return Some(line.to_owned());
        }
    }
    None
}

fn between<'t>(text: &'t str, begin: &str, end: &str) -> Option<&'t str> {
    text.split_once(begin)?.1.split(end).next()
}

/// What the reader says that the value of a key has to be, by what it says of values that are not. None: it is a table of its own.
fn is(example: &Example, path: &str, key: &str) -> Option<String> {
    let of = |value: Value| complaint(example, path, key, &value);
    let kind = of(Value::Table(Table::new()))?;
    let kind = between(&kind, "must be ", ", not a")?.to_owned();
    let wrong = match kind.as_str() {
        "an integer" => of(Value::Integer(-1)),
        "an array" => of(Value::Array(vec![Value::String("\u{1}".into())])),
        _ => of(Value::String("?".into())),
    };
    let Some(wrong) = wrong else { return Some(kind) };
    let range = wrong
        .contains("is out of range")
        .then(|| between(&wrong, &format!("'s {key} is "), ";"));
    let (range, plural) = (range.flatten(), if kind == "an array" { "each " } else { "" });
    Some(
        match (
            range,
            between(&wrong, "is not ", ";"),
            between(&wrong, "is no ", ";"),
        ) {
            (Some(range), ..) => format!("{kind}, {range}"),
            (_, Some(what), _) if what.starts_with("one of ") => format!("{plural}{what}"),
            (_, Some(what), _) if what.starts_with("a ") || what.starts_with("an ") => {
                format!("{kind}: {plural}{what}")
            }
            (_, _, Some(what)) => format!("{kind}: {plural}{what}"),
            _ => kind,
        },
    )
}

/// What an example says of a key: its value, and the comment beside it.
fn said(example: &Example, path: &str, key: &str) -> Option<(String, String)> {
    let mut header = String::new();
    let mut lines = example.text.lines().peekable();
    while let Some(line) = lines.next() {
        let line = line.trim_end();
        if line.starts_with('[') {
            let inner = line.split('#').next().unwrap().trim().trim_matches(['[', ']']);
            header = format!("{inner}.");
            continue;
        }
        // What is not so by default is there as a comment.
        let line = line.strip_prefix("# ").unwrap_or(line);
        let Some((_, rest)) = line.split_once('=').filter(|(name, _)| name.trim() == key) else {
            continue;
        };
        if header != path {
            continue;
        }
        let (value, comment) = rest.split_once(" #").unwrap_or((rest, ""));
        let mut comment = comment.trim().to_owned();
        // What goes on below it.
        while let Some(next) = lines.next_if(|next| next.starts_with("    ") || next.starts_with("#    ")) {
            write!(comment, " {}", next.trim_start_matches(['#', ' ']).trim()).unwrap();
        }
        return Some((value.trim().to_owned(), comment));
    }
    None
}

/// How a table is written above its keys.
fn header(path: &str, examples: &[Example]) -> String {
    let path = path.trim_end_matches('.');
    if path.is_empty() {
        return "Above all tables".to_owned();
    }
    let is_array = examples
        .iter()
        .any(|example| example.text.contains(&format!("[[{path}]]")));
    if is_array {
        format!("`[[{path}]]`")
    } else {
        format!("`[{path}]`")
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn reference() -> String {
    let examples = examples();
    let known: BTreeMap<String, Vec<&'static str>> = asked(|| {
        for example in &examples {
            assert!(parse(&example.text, "example.toml").is_ok());
        }
    });
    let mut text = HEAD.to_owned();
    for (path, keys) in &known {
        let rows: Vec<_> = keys
            .iter()
            .filter(|key| !known.contains_key(&format!("{path}{key}.")))
            .collect();
        if rows.is_empty() {
            continue;
        }
        write!(
            text,
            "\n## {}\n\n| key | is | as in |\n| --- | --- | --- |\n",
            header(path, &examples)
        )
        .unwrap();
        for key in rows {
            let what = examples.iter().find_map(|example| is(example, path, key));
            let said = examples.iter().find_map(|example| said(example, path, key));
            let (value, comment) = said.unwrap_or_default();
            let value = if value.is_empty() {
                String::new()
            } else {
                format!("`{}`", cell(&value))
            };
            let colon = if value.is_empty() || comment.is_empty() {
                ""
            } else {
                ": "
            };
            let what = what.unwrap_or_default();
            assert!(
                !what.is_empty() || !value.is_empty(),
                "no example has {path}{key}, and nothing is known of it"
            );
            writeln!(
                text,
                "| `{key}` | {} | {value}{colon}{} |",
                cell(&what),
                cell(&comment)
            )
            .unwrap();
        }
    }
    text
}

#[test]
fn the_reference_in_the_book_has_what_the_reader_asks_for() {
    let reference = reference();
    if std::env::var_os("HOLDFAST_WRITE_DOCS").is_some() {
        fs::write(BOOK, &reference).unwrap();
    }
    assert!(
        fs::read_to_string(BOOK).is_ok_and(|book| book == reference),
        "the reference is an old one: HOLDFAST_WRITE_DOCS=1 cargo test -p lb-user --lib -- reference"
    );
}
