//! Prometheus beside a daemon: which alerts would fire, if what is so now stayed so for their time.

use std::fmt::Debug;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use lb_tests::{Daemon, eventually};

use crate::exposition::{Exposition, Labels, Sample};
use crate::monitoring::{Rule, rules};
use crate::promql::{Looks, evaluate};

const WITHIN: Duration = Duration::from_secs(20);

/// From a first look on.
#[derive(Debug)]
pub(crate) struct Watch {
    rules: Vec<Rule>,
    before: Vec<Exposition>,
    begun: Instant,
}

/// An alert that fires.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Alert {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

impl Alert {
    /// A label.
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

impl Watch {
    /// Takes the first look.
    pub(crate) fn begin(daemon: &Daemon) -> Result<Self> {
        Ok(Self {
            rules: rules()?,
            before: vec![look(daemon)],
            begun: Instant::now(),
        })
    }

    /// Takes another look.
    pub(crate) fn look_again(&mut self, daemon: &Daemon) {
        self.before.push(look(daemon));
    }

    /// The alerts that fire now, in the order of the rules.
    pub(crate) fn firing(&self, daemon: &Daemon) -> Result<Vec<Alert>> {
        self.firing_by(&look(daemon))
    }

    /// The alerts that fire by this last look.
    pub(crate) fn firing_by(&self, now: &Exposition) -> Result<Vec<Alert>> {
        let looks = Looks {
            before: &self.before,
            now,
            between_s: self.begun.elapsed().as_secs_f64(),
            now_s: SystemTime::UNIX_EPOCH.elapsed()?.as_secs_f64(),
        };
        let mut firing = Vec::new();
        for Rule { alert, expr, .. } in &self.rules {
            for (labels, value) in evaluate(expr, looks)? {
                firing.push(Alert {
                    name: alert.clone(),
                    labels,
                    value,
                });
            }
        }
        Ok(firing)
    }

    /// Waits until just these fire: names, each with the value of a label. Gives them in the order of the rules.
    #[track_caller]
    pub(crate) fn await_just<L: AsRef<str> + Debug>(
        &self,
        daemon: &Daemon,
        wanted: &[(&str, &str, L)],
    ) -> Vec<Alert> {
        eventually(&format!("just {wanted:?} to fire"), WITHIN, || {
            let firing = self.firing(daemon)?;
            let mut left: Vec<&Alert> = firing.iter().collect();
            for (name, label, value) in wanted {
                let is_it = |alert: &&Alert| alert.name == *name && alert.label(label) == value.as_ref();
                let Some(place) = left.iter().position(is_it) else {
                    anyhow::bail!("no {name} of {label} {value:?} in {firing:#?}");
                };
                left.remove(place);
            }
            anyhow::ensure!(left.is_empty(), "others fire too: {left:#?}");
            Ok(firing)
        })
    }

    /// Waits until none fires.
    #[track_caller]
    pub(crate) fn await_none(&self, daemon: &Daemon) {
        self.await_just::<&str>(daemon, &[]);
    }
}

/// What Prometheus knows after it has asked.
fn look(daemon: &Daemon) -> Exposition {
    let told = Exposition::of(daemon);
    let up = Sample {
        name: "up".to_owned(),
        labels: Labels::new(),
        value: if told.is_ok() { 1.0 } else { 0.0 },
    };
    let mut told = told.unwrap_or_default();
    told.samples.push(up);
    for sample in &mut told.samples {
        for (label, value) in [("instance", "lab:9876"), ("job", "holdfast")] {
            sample.labels.insert(label.to_owned(), value.to_owned());
        }
    }
    told
}
