//! The results: a table while they come, and a file.

use std::{fs, path::Path};

use anyhow::Result;
use serde::Serialize;

use super::{
    FLOOR,
    case::{Case, Kind},
};

/// A result.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) case: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// The value as a multiple of that of another case.
    pub(crate) ratio: Option<f64>,
    pub(crate) ratio_to: Option<String>,
}

impl Row {
    pub(crate) fn new(case: String, value: f64, unit: &'static str) -> Self {
        Self {
            case,
            value,
            unit,
            ratio: None,
            ratio_to: None,
        }
    }

    pub(crate) fn against(self, ratio: f64, other: String) -> Self {
        Self {
            ratio: Some(ratio),
            ratio_to: Some(other),
            ..self
        }
    }
}

/// All results so far.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    /// How many rows have a bound.
    bounded: usize,
    /// Those beyond it.
    beyond: Vec<String>,
}

impl Report {
    pub(crate) fn value(&self, case: &str) -> Option<f64> {
        self.rows.iter().find(|row| row.case == case).map(|row| row.value)
    }

    /// Takes a result in, and prints it.
    pub(crate) fn add(&mut self, row: Row) {
        let Row {
            case,
            value,
            unit,
            ratio,
            ratio_to,
        } = &row;
        let than = match (ratio, ratio_to) {
            (Some(ratio), Some(other)) => format!("{ratio:>9.2} x {other}"),
            _ => String::new(),
        };
        println!("{case:<40} {value:>10.1} {unit:<5} {than}");
        self.rows.push(row);
    }

    /// Takes what a packet costs beyond the floor. Of an established flow the ratio is to the floor, and net of it; of a
    /// new flow to a packet of an established one.
    pub(crate) fn add_packets(&mut self, case: &Case, net_ns: f64) {
        let floor_ns = self.value(FLOOR).unwrap_or(f64::NAN);
        let value_ns = net_ns + floor_ns;
        let row = Row::new(case.to_string(), value_ns, "ns");
        let established = case.established().to_string();
        let row = match (case.kind, self.value(&established)) {
            (Kind::Held | Kind::New, Some(base_ns)) => row.against(value_ns / base_ns, established),
            _ => row.against(net_ns / floor_ns, FLOOR.to_owned()),
        };
        if let (Some(bound), Some(ratio)) = (case.bound(), row.ratio) {
            self.bounded += 1;
            if ratio > bound {
                self.beyond
                    .push(format!("{case} is {ratio:.2}, and was to be {bound} at most"));
            }
        }
        self.add(row);
    }

    /// Prints which ratios are beyond what they are to be at most; whether none is.
    pub(crate) fn judge(&self) -> bool {
        for miss in &self.beyond {
            println!("{miss}");
        }
        let within = self.bounded - self.beyond.len();
        println!("{within} of {} ratios are within their bounds", self.bounded);
        self.beyond.is_empty()
    }

    pub(crate) fn write_json(&self, path: &Path) -> Result<()> {
        Ok(fs::write(path, serde_json::to_string_pretty(&self.rows)? + "\n")?)
    }
}

/// The median.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}
