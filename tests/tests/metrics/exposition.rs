//! What a daemon tells Prometheus, read as strictly as `OpenMetrics` 1.0 has it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use lb_tests::{Daemon, try_eventually};

const WITHIN: Duration = Duration::from_secs(20);

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub content_type: String,
    pub(crate) body: String,
}

/// Asks at the control socket; `fields` are further arguments of curl.
pub(crate) fn asked(daemon: &Daemon, path: &str, fields: &[&str]) -> Result<Answer> {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "20", "--unix-socket"])
        .arg(daemon.socket_path())
        .args(["--write-out", "\n%{http_code} %{content_type}"])
        .args(fields)
        .arg(format!("http://localhost{path}"))
        .output()?;
    ensure!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout)?;
    let (body, told) = text.rsplit_once('\n').context("curl says how it went")?;
    let (status, content_type) = told.split_once(' ').context("a status and a type")?;
    Ok(Answer {
        status: status.parse()?,
        content_type: content_type.to_owned(),
        body: body.to_owned(),
    })
}

pub(crate) type Labels = BTreeMap<String, String>;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

impl Sample {
    /// Whether it has these labels, beside others.
    pub(crate) fn has(&self, labels: &[(&str, &str)]) -> bool {
        let mut labels = labels.iter();
        labels.all(|(name, value)| self.labels.get(*name).is_some_and(|found| found == value))
    }
}

/// What is said of the values of a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Family {
    pub(crate) help: String,
    pub(crate) kind: String,
    pub(crate) unit: String,
}

impl Family {
    /// How the names of its values end.
    fn ends(&self) -> &'static [&'static str] {
        match self.kind.as_str() {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_count", "_sum"],
            _ => &[""],
        }
    }
}

/// All that is told at one time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exposition {
    pub(crate) families: BTreeMap<String, Family>,
    pub(crate) samples: Vec<Sample>,
}

impl Exposition {
    /// What a daemon tells now.
    pub(crate) fn of(daemon: &Daemon) -> Result<Self> {
        let answer = asked(daemon, "/metrics", &[])?;
        ensure!(answer.status == 200, "{answer:?}");
        Self::read(&answer.body)
    }

    /// What it tells once this holds of it.
    pub(crate) fn once(daemon: &Daemon, what: &str, holds: impl Fn(&Self) -> bool) -> Result<Self> {
        try_eventually(what, WITHIN, || {
            let told = Self::of(daemon)?;
            ensure!(holds(&told), "not yet");
            anyhow::Ok(told)
        })
    }

    /// Reads a text; whatever no reader should have to put up with is an error.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let body = text.strip_suffix("# EOF\n").context("it breaks off")?;
        let mut told = Self::default();
        let mut family = String::new();
        let mut known = BTreeSet::new();
        for line in body.lines() {
            let read = match line.strip_prefix("# ") {
                Some(comment) => told.describe(comment, &mut family),
                None => told.take(line, &family, &mut known),
            };
            read.with_context(|| line.to_owned())?;
        }
        for (name, family) in &told.families {
            ensure!(
                !family.help.is_empty() && !family.kind.is_empty(),
                "{name}: {family:?}"
            );
            ensure!(name.ends_with(&family.unit), "{name} is not in {}", family.unit);
        }
        Ok(told)
    }

    fn describe(&mut self, comment: &str, family: &mut String) -> Result<()> {
        let mut words = comment.splitn(3, ' ');
        let (what, name) = (words.next(), words.next().context("a name")?);
        let said = words.next().context("something that is said")?.to_owned();
        let is_new = !self.families.contains_key(name);
        ensure!(
            is_new || name == family,
            "{name} is described in more than one place"
        );
        name.clone_into(family);
        let family = self.families.entry(name.to_owned()).or_default();
        let field = match what {
            Some("HELP") => &mut family.help,
            Some("TYPE") => &mut family.kind,
            Some("UNIT") => &mut family.unit,
            _ => bail!("a comment that is none of HELP, TYPE, UNIT"),
        };
        ensure!(field.is_empty(), "it is said twice");
        ensure!(
            !said.contains(['"', '\\']),
            "what would have to be escaped for OpenMetrics, and not otherwise"
        );
        *field = said;
        Ok(())
    }

    fn take(&mut self, line: &str, family: &str, known: &mut BTreeSet<(String, Labels)>) -> Result<()> {
        let (series, value) = line.rsplit_once(' ').context("a value")?;
        let (name, labels) = match series.split_once('{') {
            None => (series, Labels::new()),
            Some((name, labels)) => (name, read_labels(labels)?),
        };
        let described = self.families.get(family).context("nothing was said of it")?;
        let mut ends = described.ends().iter();
        ensure!(
            ends.any(|end| name.strip_suffix(end) == Some(family)),
            "it is no {} {family}",
            described.kind
        );
        ensure!(
            known.insert((name.to_owned(), labels.clone())),
            "it is there twice"
        );
        self.samples.push(Sample {
            name: name.to_owned(),
            labels,
            value: value.parse()?,
        });
        Ok(())
    }

    /// The values of a name that have these labels.
    pub(crate) fn named<'e>(
        &'e self,
        name: &'e str,
        labels: &'e [(&str, &str)],
    ) -> impl Iterator<Item = &'e Sample> + Clone {
        let samples = self.samples.iter();
        samples.filter(move |sample| sample.name == name && sample.has(labels))
    }

    /// Their sum. That there is one is asserted.
    #[track_caller]
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let named = self.named(name, labels);
        assert!(named.clone().count() > 0, "there is no {name} with {labels:?}");
        named.map(|sample| sample.value).sum()
    }

    /// The same of what is a number of things.
    #[track_caller]
    pub(crate) fn count(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
        let sum = self.sum(name, labels);
        assert!(sum.fract().abs() < f64::EPSILON, "{name} {labels:?} is {sum}");
        sum as i64
    }

    /// Asserts that there are so many.
    #[track_caller]
    pub(crate) fn assert(&self, name: &str, labels: &[(&str, &str)], count: i64) {
        assert_eq!(self.count(name, labels), count, "{name} {labels:?}");
    }

    /// All values by name and labels, without the values.
    pub(crate) fn series(&self) -> BTreeSet<(&str, &Labels)> {
        let samples = self.samples.iter();
        samples
            .map(|sample| (sample.name.as_str(), &sample.labels))
            .collect()
    }
}

/// What stands between braces, from behind the first one on.
fn read_labels(mut text: &str) -> Result<Labels> {
    let mut labels = Labels::new();
    loop {
        let (name, rest) = text.split_once("=\"").context("a label")?;
        let is_plain = name
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter == '_');
        ensure!(is_plain && !name.is_empty(), "{name:?} is no name of a label");
        let mut value = String::new();
        let mut letters = rest.char_indices();
        let end = loop {
            match letters.next().context("the end of a value")? {
                (at, '"') => break at,
                (_, '\\') => value.push(match letters.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, letter @ ('"' | '\\'))) => letter,
                    other => bail!("{other:?} cannot be escaped"),
                }),
                (_, letter) => value.push(letter),
            }
        };
        ensure!(
            labels.insert(name.to_owned(), value).is_none(),
            "{name} is there twice"
        );
        match &rest[end + 1..] {
            "}" => return Ok(labels),
            more => text = more.strip_prefix(',').context("a further label")?,
        }
    }
}

#[test]
fn a_text_that_other_readers_would_stumble_over_is_refused() {
    let fine = "# HELP a_b A.\n# TYPE a_b gauge\na_b{c=\"\\\"}\\n\",d=\"\"} 1\n# EOF\n";
    let told = Exposition::read(fine).unwrap();
    assert_eq!(told.samples[0].labels["c"], "\"}\n");
    for (part, other) in [
        ("# EOF\n", ""),
        ("# HELP a_b A.\n", ""),
        ("# TYPE a_b gauge\n", ""),
        ("gauge", "counter"),
        ("A.", "A \"b\"."),
        (",d=\"\"", ",c=\"\""),
        (" 1\n", " 1\na_b{d=\"\",c=\"\\\"}\\n\"} 2\n"),
        (" 1\n", " one\n"),
        ("# TYPE", "# UNIT a_b seconds\n# TYPE"),
        ("# EOF", "# HELP c C.\n# TYPE c gauge\n# HELP a_b A.\n# EOF"),
    ] {
        assert!(fine.contains(part));
        assert!(
            Exposition::read(&fine.replacen(part, other, 1)).is_err(),
            "{part} as {other}"
        );
    }
}
