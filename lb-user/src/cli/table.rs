//! Tables for people: columns as wide as what is in them.

use std::fmt::{self, Display, Formatter, Write as _};

/// A column, and on which side of it its cells stand.
#[derive(Clone, Copy)]
pub(super) enum Column {
    /// Words.
    Left(&'static str),
    /// Numbers.
    Right(&'static str),
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Self::Left(title) | Self::Right(title) => title,
        }
    }
}

/// A table.
pub(super) struct Table<const N: usize> {
    columns: [Column; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(columns: [Column; N]) -> Self {
        let rows = Vec::new();
        Self { columns, rows }
    }

    pub(super) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    /// As text, where there is any row.
    pub(super) fn unless_empty(&self) -> Option<String> {
        (!self.rows.is_empty()).then(|| self.to_string())
    }
}

impl<const N: usize> Display for Table<N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells
                .chain([self.columns[column].title().len()])
                .max()
                .unwrap_or(0)
        };
        let widths: [usize; N] = std::array::from_fn(width);
        let titles: [String; N] = std::array::from_fn(|column| self.columns[column].title().into());
        for row in [&titles].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for ((cell, width), column) in row.iter().zip(widths).zip(self.columns) {
                match column {
                    Column::Left(_) => write!(line, "{cell:<width$}  ")?,
                    Column::Right(_) => write!(line, "{cell:>width$}  ")?,
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A number in groups of three digits: `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the largest unit of which there is one, to a tenth: `999 B`, `1.5 KiB`, `20.3 GiB`.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let thousands = number.checked_ilog2().unwrap_or(0) / 10;
    let Some(unit) = thousands.checked_sub(1) else {
        return format!("{number} B");
    };
    let in_smaller_unit = number >> (10 * unit);
    let tenths = in_smaller_unit % 1024 * 10 / 1024;
    format!("{}.{tenths} {}", in_smaller_unit / 1024, UNITS[unit as usize])
}

/// A duration in the largest unit of which there is one, to a tenth: `250 us`, `2.5 ms`, `10 s`.
pub(super) fn duration(number_us: u64) -> String {
    let (unit_us, unit) = match number_us {
        0..1_000 => (1, "us"),
        1_000..1_000_000 => (1_000, "ms"),
        _ => (1_000_000, "s"),
    };
    match number_us % unit_us * 10 / unit_us {
        0 => format!("{} {unit}", number_us / unit_us),
        tenths => format!("{}.{tenths} {unit}", number_us / unit_us),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let mut table = Table::new([Column::Left("NAME"), Column::Right("COUNT"), Column::Left("X")]);
        table.row(["a-long-name".into(), "7".into(), "y".into()]);
        table.row(["b".into(), "1,000,000".into(), String::new()]);
        let expected = "\
NAME             COUNT  X
a-long-name          7  y
b            1,000,000
";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn long_numbers_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn durations_are_said_in_the_largest_unit_that_fits() {
        for (number_us, text) in [
            (0, "0 us"),
            (250, "250 us"),
            (1_000, "1 ms"),
            (2_500, "2.5 ms"),
            (999_999, "999.9 ms"),
            (10_000_000, "10 s"),
        ] {
            assert_eq!(duration(number_us), text);
        }
    }

    #[test]
    fn bytes_are_said_in_the_largest_unit_that_fits() {
        for (number, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (10 << 20, "10.0 MiB"),
            ((1 << 20) - 1, "1023.9 KiB"),
            (150 << 30, "150.0 GiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }
}
