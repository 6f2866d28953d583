//! The reference of the configuration in the book, made of what the reader asks for: which keys there are, what it says each of
//! them has to be and what it takes where one is left out, and what the examples say of them.

mod comment;
mod examples;
mod own;
mod reader;

use std::{collections::BTreeMap, fmt::Write as _, fs};

use super::super::{parse, reader::asked};
use examples::Example;
use reader::{LeftOut, Place};

const BOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/configuration.md");

const HEAD: &str = "<!-- Written by a test of lb-user: HOLDFAST_WRITE_DOCS=1 cargo test -p lb-user --lib -- reference -->

# Configuration reference

All settings that there are, by the table of the file that they stand in. *Default* is what holds where the line is left out. Units
stand in the names: `_s` is seconds, `_min` is minutes. An unknown setting is an error that says which one was meant; `holdfast check
FILE` finds all mistakes of a file at once.
";

/// Of a longer value only the name of its kind is shown.
const LONGEST_VALUE: usize = 40;

/// How a table is written above its keys.
fn header(path: &str, examples: &[Example]) -> String {
    let name = path.trim_end_matches('.');
    if examples.iter().any(|example| example.has_several(path)) {
        format!("`[[{name}]]`")
    } else {
        format!("`[{name}]`")
    }
}

/// A row: setting, values, default, meaning.
fn row(path: &str, key: &str, examples: &[Example]) -> [String; 4] {
    let places = || examples.iter().map(|example| Place { example, path, key });
    let values = places().find_map(|place| place.values()).unwrap_or_default();
    let said = examples.iter().find_map(|example| example.says(path, key));
    let (shown, beside) = said.map(|said| (said.value, said.comment)).unwrap_or_default();
    let comment = comment::read(&beside, &values);
    let words: Vec<_> = match values.strip_prefix("one of ") {
        Some(words) => words.split(", ").map(written).collect(),
        None if values == "true or false" => vec!["true".to_owned(), "false".to_owned()],
        None => Vec::new(),
    };
    let tried: Vec<_> = [Some(shown.clone()), comment.left_out.clone()]
        .into_iter()
        .flatten()
        .chain(words.clone())
        .filter(|value| !value.is_empty())
        .collect();
    let left_out = places().find_map(|place| place.left_out(&tried));
    let default = match (comment.left_out, left_out) {
        (None, Some(LeftOut::Refused)) => "required".to_owned(),
        (_, Some(LeftOut::Same(value))) => format!("`{value}`"),
        (Some(said), _) => said,
        (None, _) => String::new(),
    };
    let (own_default, own_meaning) = own::of(path, key);
    let or = |own: &str, other: String| if own.is_empty() { other } else { own.to_owned() };
    let (default, meaning) = (or(own_default, default), or(own_meaning, comment.meaning));
    let is_example = words.is_empty() && !values.contains(" to ") && !shown.is_empty();
    let values = if !words.is_empty() {
        words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", ")
    } else if is_example && shown.len() <= LONGEST_VALUE && !default.contains(&shown) {
        format!("{values}, as `{shown}`")
    } else {
        values
    };
    [format!("`{key}`"), values, default, meaning]
}

/// A word as it stands in a file.
fn written(word: &str) -> String {
    if word.parse::<u16>().is_ok() {
        word.to_owned()
    } else {
        format!("\"{word}\"")
    }
}

fn reference() -> String {
    let examples = examples::all();
    let known: BTreeMap<String, Vec<&'static str>> = asked(|| {
        for example in &examples {
            assert!(parse(&example.text, "example.toml").is_ok());
        }
    });
    let mut text = HEAD.to_owned();
    let mut blank = Vec::new();
    for (path, keys) in &known {
        let is_table = |key: &&&str| known.contains_key(&format!("{path}{key}."));
        let mut rows = keys.iter().filter(|key| !is_table(key)).peekable();
        if rows.peek().is_none() {
            continue;
        }
        write!(text, "\n## {}\n\n", header(path, &examples)).unwrap();
        let said = examples.iter().find_map(|example| example.says_of_table(path));
        if let Some(said) = own::of_table(path).map(str::to_owned).or(said.map(sentence)) {
            write!(text, "{said}\n\n").unwrap();
        }
        text += "| setting | values | default | meaning |\n| --- | --- | --- | --- |\n";
        for key in rows {
            let cells = row(path, key, &examples);
            if cells.iter().any(String::is_empty) {
                blank.push(format!("{path}{key}: {cells:?}"));
            }
            let cells = cells.map(|cell| cell.replace('|', "\\|"));
            writeln!(text, "| {} |", cells.join(" | ")).unwrap();
        }
    }
    assert!(blank.is_empty(), "a reader learns nothing there: {blank:#?}");
    text
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
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
