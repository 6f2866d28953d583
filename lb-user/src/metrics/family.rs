//! A metric: what it is called, and how it is read.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::{MetricType, exemplar::Exemplar},
    registry::Unit,
};

use super::Told;
use crate::proxy::Durations;

/// What becomes of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Durations, counted by how long they are.
    Histogram,
}

/// What it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// A number of things, which the name says.
    Things,
    Bytes,
    Seconds,
}

/// A metric.
#[derive(Debug)]
pub(super) struct Family {
    /// Without its measure, and without `_total`.
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    pub(super) measure: Measure,
    pub(super) labels: Labels,
    /// The value of each thing.
    read: Read,
}

/// How the values of a metric are read.
type Read = fn(&Told) -> Vec<Sample<'_>>;

/// The labels of a metric.
type Labels = &'static [&'static str];

/// A value, and those of the labels in their order.
#[derive(Debug)]
pub(super) struct Sample<'s> {
    pub(super) labels: Vec<&'s str>,
    pub(super) value: Value<'s>,
}

#[derive(Debug)]
pub(super) enum Value<'s> {
    Number(u64),
    Fraction(f64),
    Durations(&'s Durations),
}

impl<'s> Sample<'s> {
    pub(super) fn new<const N: usize>(labels: [&'s str; N], value: u64) -> Self {
        Self {
            labels: labels.into(),
            value: Value::Number(value),
        }
    }

    /// Of what there is one of.
    pub(super) fn of(value: Value<'s>) -> Self {
        Self {
            labels: Vec::new(),
            value,
        }
    }

    /// With further labels.
    pub(super) fn with<const N: usize, const M: usize>(
        labels: [&'s str; N],
        further: [&'s str; M],
        value: u64,
    ) -> Self {
        Self {
            labels: labels.into_iter().chain(further).collect(),
            value: Value::Number(value),
        }
    }

    pub(super) fn of_durations<const N: usize>(labels: [&'s str; N], durations: &'s Durations) -> Self {
        Self {
            labels: labels.into(),
            value: Value::Durations(durations),
        }
    }
}

impl Family {
    /// A number of things that only grows.
    pub(super) const fn counter(name: &'static str, help: &'static str, labels: Labels, read: Read) -> Self {
        Self {
            name,
            help,
            kind: Kind::Counter,
            measure: Measure::Things,
            labels,
            read,
        }
    }

    /// A number of things that goes up and down.
    pub(super) const fn gauge(name: &'static str, help: &'static str, labels: Labels, read: Read) -> Self {
        Self {
            kind: Kind::Gauge,
            ..Self::counter(name, help, labels, read)
        }
    }

    /// How long things took.
    pub(super) const fn durations(
        name: &'static str,
        help: &'static str,
        labels: Labels,
        read: Read,
    ) -> Self {
        Self {
            kind: Kind::Histogram,
            measure: Measure::Seconds,
            ..Self::counter(name, help, labels, read)
        }
    }

    /// The same of bytes.
    pub(super) const fn in_bytes(self) -> Self {
        Self {
            measure: Measure::Bytes,
            ..self
        }
    }

    /// The same of seconds.
    pub(super) const fn in_seconds(self) -> Self {
        Self {
            measure: Measure::Seconds,
            ..self
        }
    }

    pub(super) fn unit(&self) -> Option<Unit> {
        match self.measure {
            Measure::Things => None,
            Measure::Bytes => Some(Unit::Bytes),
            Measure::Seconds => Some(Unit::Seconds),
        }
    }

    /// Tells all values.
    pub(super) fn encode(&self, told: &Told, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
        };
        let unit = self.unit();
        let mut metric = encoder.encode_descriptor(self.name, self.help, unit.as_ref(), kind)?;
        for sample in (self.read)(told) {
            if self.labels.is_empty() {
                self.encode_value(&sample.value, &mut metric)?;
            } else {
                let labels: Vec<(&str, &str)> = self.labels.iter().copied().zip(sample.labels).collect();
                self.encode_value(&sample.value, &mut metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn encode_value(&self, value: &Value<'_>, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        match (self.kind, value) {
            (Kind::Gauge, Value::Number(number)) => encoder.encode_gauge(number),
            (_, Value::Number(number)) => encoder.encode_counter(number, None::<&Exemplar<NoLabelSet, u64>>),
            (Kind::Gauge, Value::Fraction(fraction)) => encoder.encode_gauge(fraction),
            (_, Value::Fraction(fraction)) => {
                encoder.encode_counter(fraction, None::<&Exemplar<NoLabelSet, f64>>)
            }
            (_, Value::Durations(durations)) => {
                let (sum_s, buckets) = (seconds(durations.sum_us), in_each_bucket(durations));
                encoder.encode_histogram::<NoLabelSet>(sum_s, durations.count, &buckets, None)
            }
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a microsecond in three centuries does not matter"
)]
fn seconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1e6
}

/// How many there are in each bucket by itself, up to its bound; the last one has none.
fn in_each_bucket(durations: &Durations) -> Vec<(f64, u64)> {
    let mut before = 0;
    let mut buckets: Vec<(f64, u64)> = Vec::with_capacity(durations.buckets.len() + 1);
    for bucket in &durations.buckets {
        buckets.push((seconds(bucket.at_most_us), bucket.count.saturating_sub(before)));
        before = bucket.count;
    }
    buckets.push((f64::INFINITY, durations.count.saturating_sub(before)));
    buckets
}
