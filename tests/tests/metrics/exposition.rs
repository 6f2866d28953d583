//! What a daemon tells Prometheus, read as strictly as each of the two forms has it.

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
    /// As it came.
    pub(crate) size_bytes: usize,
    pub(crate) coding: String,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

/// How it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The text of Prometheus, 0.0.4.
    Prometheus,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

impl Form {
    pub(crate) const BOTH: [Self; 2] = [Self::Prometheus, Self::OpenMetrics];

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// What asks for it.
    pub(crate) fn accept(self) -> String {
        format!("Accept: {}", self.content_type())
    }
}

/// Asks at the control socket; `fields` are further arguments of curl.
pub(crate) fn asked(daemon: &Daemon, path: &str, fields: &[&str]) -> Result<Answer> {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "20", "--unix-socket"])
        .arg(daemon.socket_path())
        .args([
            "--write-out",
            "\n%{http_code}|%{size_download}|%header{content-encoding}|%{content_type}",
        ])
        .args(fields)
        .arg(format!("http://localhost{path}"))
        .output()?;
    ensure!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout)?;
    let (body, told) = text.rsplit_once('\n').context("curl says how it went")?;
    let told: Vec<&str> = told.split('|').collect();
    let [status, size, coding, content_type] = told[..] else {
        bail!("curl says something else: {told:?}");
    };
    Ok(Answer {
        status: status.parse()?,
        size_bytes: size.parse()?,
        coding: coding.to_owned(),
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
    fn ends(&self, form: Form) -> &'static [&'static str] {
        match self.kind.as_str() {
            "counter" if form == Form::OpenMetrics => &["_total"],
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
        Self::told(daemon, Form::OpenMetrics)
    }

    /// The same in this form.
    pub(crate) fn told(daemon: &Daemon, form: Form) -> Result<Self> {
        let answer = asked(daemon, "/metrics", &["--header", &form.accept()])?;
        ensure!(
            answer.status == 200 && answer.content_type == form.content_type(),
            "{answer:?}"
        );
        Self::read(form, &answer.body)
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
    pub(crate) fn read(form: Form, text: &str) -> Result<Self> {
        let body = match form {
            Form::OpenMetrics => text.strip_suffix("# EOF\n").context("it breaks off")?,
            Form::Prometheus => text,
        };
        let mut told = Self::default();
        let mut family = String::new();
        let mut known = BTreeSet::new();
        for line in body.lines() {
            let read = match line.strip_prefix("# ") {
                Some(comment) => told.describe(form, comment, &mut family),
                None => told.take(form, line, &family, &mut known),
            };
            read.with_context(|| line.to_owned())?;
        }
        if form == Form::Prometheus {
            told.name_counters_as_openmetrics()?;
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

    /// There the end of their values' names is not of their own.
    fn name_counters_as_openmetrics(&mut self) -> Result<()> {
        let families = std::mem::take(&mut self.families).into_iter();
        let named = families.map(|(name, family)| {
            let shorter = name.strip_suffix("_total").map(str::to_owned);
            ensure!(
                shorter.is_some() == (family.kind == "counter"),
                "{name}: {family:?}"
            );
            Ok((shorter.unwrap_or(name), family))
        });
        self.families = named.collect::<Result<_>>()?;
        Ok(())
    }

    fn describe(&mut self, form: Form, comment: &str, family: &mut String) -> Result<()> {
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
            Some("UNIT") if form == Form::OpenMetrics => &mut family.unit,
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

    fn take(
        &mut self,
        form: Form,
        line: &str,
        family: &str,
        known: &mut BTreeSet<(String, Labels)>,
    ) -> Result<()> {
        let (series, value) = line.rsplit_once(' ').context("a value")?;
        let (name, mut labels) = match series.split_once('{') {
            None => (series, Labels::new()),
            Some((name, labels)) => (name, read_labels(labels)?),
        };
        if form == Form::Prometheus
            && let Some(bound) = labels.get_mut("le").filter(|bound| *bound != "+Inf")
        {
            // `1` there, and `1.0` here.
            *bound = format!("{:?}", bound.parse::<f64>()?);
        }
        let described = self.families.get(family).context("nothing was said of it")?;
        let mut ends = described.ends(form).iter();
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
    let read = |text: &str| Exposition::read(Form::OpenMetrics, text);
    let told = read(fine).unwrap();
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
        assert!(read(&fine.replacen(part, other, 1)).is_err(), "{part} as {other}");
    }
    assert!(
        Exposition::read(Form::Prometheus, fine).is_err(),
        "which is not the other form"
    );
}
