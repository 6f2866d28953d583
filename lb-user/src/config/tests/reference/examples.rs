//! The examples, which say what each key is good for.

use std::{fmt::Write as _, fs, path::Path};

use toml::{Table, Value};

/// An example, as text and as what it says.
pub(super) struct Example {
    pub(super) text: String,
    pub(super) table: Table,
}

pub(super) fn all() -> Vec<Example> {
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

/// What an example says of a key: its value, and the comment beside it.
pub(super) struct Said {
    pub(super) value: String,
    pub(super) comment: String,
}

impl Example {
    pub(super) fn says(&self, path: &str, key: &str) -> Option<Said> {
        let mut header = String::new();
        let mut lines = self.text.lines().peekable();
        while let Some(line) = lines.next() {
            let line = line.trim_end();
            if line.starts_with('[') {
                header = format!("{}.", named(line));
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
            while let Some(next) = lines.next_if(|next| next.starts_with("    ") || next.starts_with("#    "))
            {
                write!(comment, " {}", next.trim_start_matches(['#', ' ']).trim()).unwrap();
            }
            let value = value.trim().to_owned();
            return Some(Said { value, comment });
        }
        None
    }

    /// What it says beside the header of a table.
    pub(super) fn says_of_table(&self, path: &str) -> Option<&str> {
        let mut headers = self.text.lines().filter(|line| line.starts_with('['));
        headers.find_map(|line| {
            let (_, comment) = line.split_once(" #")?;
            (path.strip_suffix('.') == Some(named(line))).then(|| comment.trim())
        })
    }

    /// Whether there are any number of such tables.
    pub(super) fn has_several(&self, path: &str) -> bool {
        let mut found = false;
        let mut value = Value::Table(self.table.clone());
        if let Some((above, last)) = parts(path).split_last().map(|(last, above)| (above, *last)) {
            at(&mut value, above, &mut 0, &mut |table| {
                found = table.get(last).is_some_and(Value::is_array);
            });
        }
        found
    }
}

/// The table that a header is of.
fn named(line: &str) -> &str {
    line.split('#').next().unwrap().trim().trim_matches(['[', ']'])
}

pub(super) fn parts(path: &str) -> Vec<&str> {
    path.split('.').filter(|part| !part.is_empty()).collect()
}

/// The tables at such a path, `pool.member.`: calls `found` for the one of this number, if there are so many.
pub(super) fn at(value: &mut Value, path: &[&str], number: &mut usize, found: &mut dyn FnMut(&mut Table)) {
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
