//! The results of a benchmark: a table while they come, a file, and which of them miss what they were to be.

use std::{fs, path::Path};

use anyhow::Result;
use serde::Serialize;

/// A result.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub case: String,
    /// What came out.
    pub value: f64,
    /// Of the value.
    pub unit: &'static str,
    /// The value as a multiple of that of another case.
    pub ratio: Option<f64>,
    /// That other case.
    pub ratio_to: Option<String>,
}

impl Row {
    /// A result that is compared with none.
    #[must_use]
    pub fn new(case: String, value: f64, unit: &'static str) -> Self {
        Self {
            case,
            value,
            unit,
            ratio: None,
            ratio_to: None,
        }
    }

    /// The same, compared with another case.
    #[must_use]
    pub fn against(self, ratio: f64, other: String) -> Self {
        Self {
            ratio: Some(ratio),
            ratio_to: Some(other),
            ..self
        }
    }
}

/// All results so far.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<Row>,
    /// How many have a bound.
    bounded: usize,
    /// Those beyond it.
    beyond: Vec<String>,
}

impl Report {
    /// What came out of a case, if it has been measured.
    #[must_use]
    pub fn value(&self, case: &str) -> Option<f64> {
        self.rows.iter().find(|row| row.case == case).map(|row| row.value)
    }

    /// All of them, in the order in which they came.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Takes a result in, and prints it.
    pub fn add(&mut self, row: Row) {
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
        println!("{case:<48} {value:>10.1} {unit:<5} {than}");
        self.rows.push(row);
    }

    /// Takes in that a result has a bound, and if it is beyond it, what is to be said.
    pub fn bound(&mut self, beyond: Option<String>) {
        self.bounded += 1;
        self.beyond.extend(beyond);
    }

    /// Prints what is beyond its bound; whether nothing is.
    #[must_use]
    pub fn judge(&self) -> bool {
        for miss in &self.beyond {
            println!("{miss}");
        }
        let within = self.bounded - self.beyond.len();
        println!("{within} of {} results are within their bounds", self.bounded);
        self.beyond.is_empty()
    }

    /// Writes a list of `{"case", "value", "unit", "ratio", "ratio_to"}`.
    pub fn write_json(&self, path: &Path) -> Result<()> {
        Ok(fs::write(path, serde_json::to_string_pretty(&self.rows)? + "\n")?)
    }
}

/// The median; that of nothing is no number.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(vec![9.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(vec![9.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn one_beyond_its_bound_is_enough() {
        let mut report = Report::default();
        report.bound(None);
        assert!(report.judge());
        report.bound(Some("too slow".to_owned()));
        assert!(!report.judge());
    }
}
