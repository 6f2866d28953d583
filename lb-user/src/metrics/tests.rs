use std::{collections::BTreeSet, io::Read as _, sync::Arc};

use flate2::read::GzDecoder;

use super::{
    Coding, Form, Process, Told, families,
    family::{Family, Kind, Measure},
    render,
};
use crate::views::Status;

const TABLE: &str = include_str!("metrics.md");

impl Family {
    /// What it is called where it is told.
    fn full_name(&self) -> String {
        let measure = self
            .unit()
            .map_or_else(String::new, |unit| format!("_{}", unit.as_str()));
        let end = if self.kind == Kind::Counter { "_total" } else { "" };
        format!("{}{measure}{end}", self.name)
    }
}

/// Whether a word is the name of a metric.
fn ours(word: &str) -> bool {
    ["holdfast_", "process_"]
        .iter()
        .any(|begin| word.starts_with(begin))
}

/// The table of the documentation, from the metrics themselves.
fn table() -> String {
    let rows = families::all().map(|family| {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        format!(
            "| `{}` | {kind} | {} | {} |\n",
            family.full_name(),
            labels.join(", "),
            family.help
        )
    });
    rows.collect()
}

#[test]
fn each_metric_is_documented_as_it_is() {
    let (head, documented) = TABLE.split_once("| --- | --- | --- | --- |\n").unwrap();
    if std::env::var_os("HOLDFAST_WRITE_DOCS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/metrics/metrics.md");
        std::fs::write(path, format!("{head}| --- | --- | --- | --- |\n{}", table())).unwrap();
        return;
    }
    assert_eq!(documented, table(), "HOLDFAST_WRITE_DOCS=1 writes it anew");
}

#[test]
fn names_are_those_that_prometheus_expects() {
    let mut names = BTreeSet::new();
    for family in families::all() {
        let name = family.full_name();
        let is_fine = |c: char| c.is_ascii_lowercase() || c == '_';
        assert!(ours(&name) && name.chars().all(is_fine), "{name}");
        assert!(names.insert(name.clone()), "{name} is there twice");
        assert!(
            !family.name.ends_with("_total") && !family.help.ends_with('.'),
            "{name}"
        );
        assert!(
            family.kind != Kind::Histogram || family.measure == Measure::Seconds,
            "{name}"
        );
    }
}

#[test]
fn rules_and_dashboard_name_metrics_that_there_are() {
    let mut names: BTreeSet<String> = BTreeSet::new();
    for family in families::all() {
        let name = family.full_name();
        if family.kind == Kind::Histogram {
            names.extend(["_bucket", "_count", "_sum"].map(|end| format!("{name}{end}")));
        }
        names.insert(name);
    }
    for (file, text) in [
        (
            "prometheus-rules.yml",
            include_str!("../../../monitoring/prometheus-rules.yml"),
        ),
        (
            "grafana-dashboard.json",
            include_str!("../../../monitoring/grafana-dashboard.json"),
        ),
    ] {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let used: BTreeSet<&str> = words.filter(|word| ours(word)).collect();
        assert!(used.len() > 5, "{file}");
        for name in used {
            assert!(names.contains(name), "{file}: there is no {name}");
        }
    }
}

#[test]
fn what_is_compressed_is_the_same_text() {
    let status = Arc::new(Status::default());
    let process = Process::this().ok();
    for form in [Form::Prometheus, Form::OpenMetrics] {
        let told = |coding| {
            let told = Told {
                status: Arc::clone(&status),
                api_certificates: Arc::default(),
                process,
            };
            render(told, form, coding).unwrap()
        };
        let (text, compressed) = (told(Coding::Identity), told(Coding::Gzip));
        assert!(text.starts_with(b"# HELP holdfast_") && compressed.len() < text.len() / 2);
        let mut read = Vec::new();
        GzDecoder::new(&*compressed).read_to_end(&mut read).unwrap();
        assert!(read == text, "{form:?}");
    }
}
