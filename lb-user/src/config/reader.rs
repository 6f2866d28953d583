//! Reads the tables of a TOML document key by key, and reports every key that is wrong, missing or unknown.
//!
//! A table is asked for its keys by name: what it was never asked for is unknown, so that the keys there are stand in
//! one place only. What could not be read is a [`Reported`], which nobody can have without having reported an error.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Report, Reported, Span};
use super::suggest::closest;

/// Keys whose values are shown to nobody: also what is wrong there may be a password.
const SECRETS: [&str; 2] = ["password", "token"];

/// A value and where it stands; a default stands where its table does.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

/// A value that was read, or the report of why it could not be.
pub(super) type Read<T> = Result<At<T>, Reported>;

/// An object of the configuration, as its diagnostics name it.
#[derive(Clone)]
pub(super) struct Scope<'r> {
    pub(super) report: &'r Report<'r>,
    /// The object and those around it: `pool "web", member "a"`; empty for the whole document.
    pub(super) label: String,
    /// Whose keys these are: `a member`, `the datapath`.
    pub(super) owner: String,
    /// What the keys of this object begin with in a header: `pool.member.`.
    path: String,
    /// Where the object begins.
    pub(super) span: Span,
}

impl Scope<'_> {
    pub(super) fn error(&self, span: Span, message: impl AsRef<str>) -> Reported {
        self.report.error(span, self.labelled(message.as_ref()))
    }

    pub(super) fn warning(&self, span: Span, message: impl AsRef<str>) {
        self.report.warning(span, self.labelled(message.as_ref()));
    }

    /// The candidate that `given` was most likely meant to be.
    pub(super) fn closest<'c>(
        &self,
        given: &str,
        candidates: impl IntoIterator<Item = &'c str>,
    ) -> Option<&'c str> {
        if self.report.is_full() {
            None
        } else {
            closest(given, candidates)
        }
    }

    fn labelled(&self, message: &str) -> String {
        if self.label.is_empty() {
            message.into()
        } else {
            format!("{}: {message}", self.label)
        }
    }
}

/// One value, under its key; what the functions of [`values`](super::values) read.
pub(super) struct Entry<'e, 'r> {
    pub(super) key: &'static str,
    pub(super) value: &'e DeValue<'e>,
    pub(super) span: Span,
    pub(super) scope: &'e Scope<'r>,
}

impl Entry<'_, '_> {
    /// The value is of the right type, but `complaint`: "is ...; write ...".
    pub(super) fn wrong(&self, complaint: impl AsRef<str>) -> Reported {
        self.scope.error(
            self.span,
            format!("{} {} {}", self.key, self.written(), complaint.as_ref()),
        )
    }

    /// The value is of the wrong type.
    pub(super) fn expected(&self, what: &str) -> Reported {
        let given = match self.value {
            DeValue::Array(_) => "an array".into(),
            DeValue::Table(_) => "a table".into(),
            other => format!("the {} {}", other.type_str(), self.written()),
        };
        self.scope
            .error(self.span, format!("{} must be {what}, not {given}", self.key))
    }

    fn written(&self) -> String {
        match self.value {
            _ if SECRETS.contains(&self.key) => "(hidden)".into(),
            DeValue::String(text) => quoted(text),
            DeValue::Array(_) | DeValue::Table(_) => format!("this {}", self.value.type_str()),
            _ => self.scope.report.source(self.span).replace(char::is_control, " "),
        }
    }
}

/// `text` as it is shown in a message: in quotes, on one line, and not endless.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(80) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}...", &text[..end]),
    }
}

/// A table, and the keys it was asked for.
pub(super) struct Table<'e, 'r> {
    entries: &'e DeTable<'e>,
    scope: Scope<'r>,
    known: Vec<&'static str>,
}

impl<'e, 'r> Table<'e, 'r> {
    /// Lets `read` ask for the keys of the whole document, then reports the others.
    pub(super) fn document<T>(
        entries: &DeTable<'_>,
        report: &'r Report<'r>,
        read: impl FnOnce(&mut Table<'_, 'r>) -> T,
    ) -> T {
        let span = Span { start: 0, end: 0 };
        let scope = Scope {
            report,
            label: String::new(),
            owner: "the file".into(),
            path: String::new(),
            span,
        };
        Table::read(entries, scope, read)
    }

    fn read<T>(entries: &DeTable<'_>, scope: Scope<'r>, read: impl FnOnce(&mut Table<'_, 'r>) -> T) -> T {
        let mut table = Table {
            entries,
            scope,
            known: Vec::new(),
        };
        let result = read(&mut table);
        table.report_unknown_keys();
        result
    }

    pub(super) fn scope(&self) -> Scope<'r> {
        self.scope.clone()
    }

    /// A value that may be left out.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&Entry<'_, 'r>) -> Result<T, Reported>,
    ) -> Result<Option<At<T>>, Reported> {
        let Some(value) = self.ask(key) else {
            return Ok(None);
        };
        let entry = self.entry(key, value);
        Ok(Some(At {
            value: read(&entry)?,
            span: entry.span,
        }))
    }

    /// A value that is `default` when left out.
    pub(super) fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl Fn(&Entry<'_, 'r>) -> Result<T, Reported>,
    ) -> Read<T> {
        Ok(self.optional(key, read)?.unwrap_or(At {
            value: default,
            span: self.scope.span,
        }))
    }

    /// A value that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&Entry<'_, 'r>) -> Result<T, Reported>,
    ) -> Read<T> {
        self.optional(key, read)?
            .ok_or_else(|| self.scope.error(self.scope.span, format!("{key} is missing")))
    }

    /// A table that is read as an empty one when left out: `[key]`.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Table<'_, 'r>) -> T,
    ) -> Result<T, Reported> {
        let empty = DeTable::new();
        let (entries, span) = self.subtable(key)?.unwrap_or((&empty, self.scope.span));
        Ok(Table::read(entries, self.inner(key, "the", span), read))
    }

    /// A table that may be left out: `[key]`.
    pub(super) fn table<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Table<'_, 'r>) -> T,
    ) -> Result<Option<T>, Reported> {
        let table = self.subtable(key)?;
        Ok(table.map(|(entries, span)| Table::read(entries, self.inner(key, "the", span), read)))
    }

    /// Any number of tables: `[[key]]`. Each is called by the first of the `naming` keys it has.
    pub(super) fn tables<T>(
        &mut self,
        key: &'static str,
        naming: &[&str],
        read: impl Fn(&mut Table<'_, 'r>) -> T,
    ) -> Vec<T> {
        let Some(entry) = self.ask(key) else {
            return Vec::new();
        };
        let expected = format!(
            "an array of tables (write [[{}{key}]] above each)",
            self.scope.path
        );
        let elements = if let DeValue::Array(elements) = entry.get_ref() {
            elements.iter().as_slice()
        } else {
            self.entry(key, entry).expected(&expected);
            // One table, from which only the second pair of brackets is missing, is read all the same.
            if entry.get_ref().is_table() {
                std::slice::from_ref(entry)
            } else {
                &[]
            }
        };
        let read_one = |(index, element): (usize, &Spanned<DeValue<'_>>)| {
            let DeValue::Table(entries) = element.get_ref() else {
                self.entry(key, element).expected(&expected);
                return None;
            };
            let name = naming
                .iter()
                .find_map(|name| entries.get(*name)?.get_ref().as_str());
            let name = name.map_or_else(|| format!("#{}", index + 1), quoted);
            let mut scope = self.inner(key, "a", element.span().into());
            scope.label = format!("{} {name}", scope.label);
            Some(Table::read(entries, scope, &read))
        };
        elements.iter().enumerate().filter_map(read_one).collect()
    }

    /// Keys that mean something only elsewhere: `where_they_belong`, which is not here.
    pub(super) fn misplaced(&mut self, keys: &[&'static str], where_they_belong: &str) {
        self.known.extend_from_slice(keys);
        #[cfg(test)]
        for key in keys {
            note(&self.scope.path, key);
        }
        for (key, _) in keys.iter().filter_map(|key| self.entries.get_key_value(*key)) {
            let message = format!(
                "{} is for {where_they_belong} only; leave it out here",
                key.get_ref()
            );
            self.scope.error(key.span().into(), message);
        }
    }

    /// Keys about which nothing can be said, because of an error that was reported.
    pub(super) fn ignore(&mut self, keys: &[&'static str], _because: Reported) {
        self.known.extend_from_slice(keys);
    }

    fn ask(&mut self, key: &'static str) -> Option<&'e Spanned<DeValue<'e>>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        #[cfg(test)]
        note(&self.scope.path, key);
        self.entries.get(key)
    }

    fn entry<'a>(&'a self, key: &'static str, value: &'a Spanned<DeValue<'a>>) -> Entry<'a, 'r> {
        Entry {
            key,
            value: value.get_ref(),
            span: value.span().into(),
            scope: &self.scope,
        }
    }

    fn subtable(&mut self, key: &'static str) -> Result<Option<(&'e DeTable<'e>, Span)>, Reported> {
        let Some(entry) = self.ask(key) else {
            return Ok(None);
        };
        match entry.get_ref() {
            DeValue::Table(entries) => Ok(Some((entries, entry.span().into()))),
            _ => Err(self
                .entry(key, entry)
                .expected(&format!("one table (write [{}{key}] above it)", self.scope.path))),
        }
    }

    /// The scope of a table in this one.
    fn inner(&self, key: &str, article: &str, span: Span) -> Scope<'r> {
        let Scope {
            report, label, path, ..
        } = &self.scope;
        let comma = if label.is_empty() { "" } else { ", " };
        let noun = key.replace('_', " ");
        Scope {
            report,
            label: format!("{label}{comma}{noun}"),
            owner: format!("{article} {noun}"),
            path: format!("{path}{key}."),
            span,
        }
    }

    fn report_unknown_keys(&self) {
        for (key, _) in self.entries {
            if self.known.contains(&key.get_ref().as_ref()) {
                continue;
            }
            let absent = self
                .known
                .iter()
                .copied()
                .filter(|known| !self.entries.contains_key(*known));
            let hint = match self.scope.closest(key.get_ref(), absent) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known here: {}", self.known.join(", ")),
            };
            self.scope.error(
                key.span().into(),
                format!("unknown key {}; {hint}", quoted(key.get_ref())),
            );
        }
    }
}

#[cfg(test)]
thread_local! {
    /// The keys that were asked for, by the path of their table.
    static ASKED: std::cell::RefCell<std::collections::BTreeMap<String, Vec<&'static str>>> = std::cell::RefCell::default();
}

#[cfg(test)]
fn note(path: &str, key: &'static str) {
    ASKED.with_borrow_mut(|asked| {
        let keys = asked.entry(path.to_owned()).or_default();
        if !keys.contains(&key) {
            keys.push(key);
        }
    });
}

/// The keys that are asked for in what `read` reads, by the path of their table: `pool.member.`.
#[cfg(test)]
pub(super) fn asked(read: impl FnOnce()) -> std::collections::BTreeMap<String, Vec<&'static str>> {
    ASKED.take();
    read();
    ASKED.take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_short_and_on_one_line() {
        assert_eq!(quoted("a\n\"b\""), r#""a\n\"b\"""#);
        assert_eq!(quoted(&"ü".repeat(100)), format!("\"{}\"...", "ü".repeat(80)));
    }
}
