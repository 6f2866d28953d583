//! Tables for people: columns as wide as what is in them.

use std::fmt::{self, Display, Formatter};

use super::{
    escape,
    paint::{self, Colours},
};

/// A column, and on which side of it its cells stand.
#[derive(Clone, Copy)]
pub(super) enum Column {
    /// Words.
    Left(&'static str),
    /// States, each in its colour.
    State(&'static str),
    /// Numbers.
    Right(&'static str),
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Self::Left(title) | Self::State(title) | Self::Right(title) => title,
        }
    }
}

/// A table.
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(columns: impl Into<Vec<Column>>) -> Self {
        let (columns, rows) = (columns.into(), Vec::new());
        Self { columns, rows }
    }

    /// Adds a row: a cell a column, each of a line.
    pub(super) fn row(&mut self, cells: impl Into<Vec<String>>) {
        let cells = cells.into().into_iter();
        let cells = cells.map(|cell| escape::line(&cell).into_owned());
        self.rows.push(cells.collect());
    }

    /// As text, where there is any row.
    pub(super) fn unless_empty(&self) -> Option<String> {
        (!self.rows.is_empty()).then(|| self.to_string())
    }

    /// As text, with its states in these colours.
    pub(super) fn painted(&self, colours: Colours) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells
                .chain([self.columns[column].title().len()])
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let titles = self
            .columns
            .iter()
            .map(|column| column.title().to_owned())
            .collect();
        let mut text = String::new();
        for row in [&titles].into_iter().chain(&self.rows) {
            let cells = row.iter().zip(&widths).zip(&self.columns);
            let cells = cells.map(|((cell, width), column)| match column {
                Column::Left(_) => format!("{cell:<width$}"),
                Column::State(_) => paint::state(&format!("{cell:<width$}"), colours),
                Column::Right(_) => format!("{cell:>width$}"),
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.painted(Colours::Off))
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
    fn only_states_are_coloured_and_everything_stays_where_it_is() {
        let mut table = Table::new([Column::Left("NAME"), Column::State("STATUS"), Column::Left("X")]);
        table.row(["ERROR".into(), "ONLINE".into(), "y".into()]);
        table.row(["web".into(), "ERROR".into(), String::new()]);
        let expected = "\
NAME   STATUS  X
ERROR  \u{1b}[32mONLINE\u{1b}[0m  y
web    \u{1b}[31mERROR\u{1b}[0m
";
        assert_eq!(table.painted(Colours::On), expected);
    }

    #[test]
    fn no_cell_breaks_a_row_or_moves_the_cursor() {
        let mut table = Table::new([Column::Left("NAME"), Column::Left("X")]);
        table.row(["a\n\u{1b}[2Jb".into(), "y".into()]);
        table.row(["c".into(), "z".into()]);
        let expected = "\
NAME           X
a\\n\\u{1b}[2Jb  y
c              z
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
