//! The picture in the terminal.

use ratatui::{
    Frame,
    layout::{Constraint, Layout},
    style::{Color, Style, Stylize as _},
    text::{Line, Span},
    widgets::{Cell, Row as Cells, Table, TableState},
};

use super::{
    super::{
        escape,
        paint::{Colours, Mood},
        table::{bytes, count},
    },
    rates::{Kind, Row},
};

/// The columns, and how wide each is at least.
const COLUMNS: [(&str, u16); 8] = [
    ("NAME", 20),
    ("ADDRESS", 22),
    ("STATE", 11),
    ("IN/s", 11),
    ("OUT/s", 11),
    ("NEW/s", 9),
    ("OPEN", 9),
    ("SESSIONS", 9),
];
/// The column of states: before it are words, behind it numbers.
pub(super) const STATE: usize = 2;

/// Whether the picture goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Motion {
    #[default]
    Live,
    Paused,
}

/// What is shown.
pub(super) struct Picture {
    pub(super) rows: Vec<Row>,
    pub(super) motion: Motion,
    /// What keeps it from being fresh.
    pub(super) trouble: Option<String>,
    pub(super) scroll: TableState,
    pub(super) colours: Colours,
}

/// What stands in the cells of a row.
pub(super) fn cells(row: &Row) -> [String; 8] {
    let indent = match row.kind {
        Kind::LoadBalancer | Kind::Pool => "",
        Kind::Listener | Kind::Member => "  ",
    };
    let [bytes_in, bytes_out, new, open] = row.passing.map_or_else(Default::default, |passing| {
        [
            bytes(passing.bytes_in_per_s),
            bytes(passing.bytes_out_per_s),
            count(passing.new_per_s),
            count(passing.open),
        ]
    });
    [
        format!("{indent}{}", escape::line(&row.name)),
        row.address.clone(),
        row.status.to_string(),
        bytes_in,
        bytes_out,
        new,
        open,
        row.sessions.map_or_else(String::new, count),
    ]
}

/// What the columns are called.
pub(super) fn titles() -> [&'static str; 8] {
    COLUMNS.map(|(title, _)| title)
}

impl Picture {
    pub(super) fn draw(&mut self, frame: &mut Frame<'_>) {
        let [head, body, foot] =
            Layout::vertical([Constraint::Length(1), Constraint::Min(2), Constraint::Length(1)])
                .areas(frame.area());
        frame.render_widget(self.headline(), head);
        let number = |index: usize, text: String| {
            let line = Line::from(text);
            Cell::from(if index <= STATE {
                line
            } else {
                line.right_aligned()
            })
        };
        let titles = titles().into_iter().enumerate();
        let titles = titles.map(|(index, title)| number(index, title.to_owned()));
        let rows = self.rows.iter().map(|row| {
            let cells = cells(row).into_iter().enumerate().map(|(index, text)| {
                let style = if index == STATE {
                    self.style(&text)
                } else {
                    Style::new()
                };
                number(index, text).style(style)
            });
            Cells::new(cells.collect::<Vec<_>>())
        });
        let table = Table::new(
            rows.collect::<Vec<_>>(),
            COLUMNS.map(|(_, width)| Constraint::Min(width)),
        )
        .header(Cells::new(titles.collect::<Vec<_>>()).bold());
        frame.render_stateful_widget(table, body, &mut self.scroll);
        frame.render_widget(
            Line::from("q quit   p pause   up, down, page up, page down scroll").dim(),
            foot,
        );
    }

    fn headline(&self) -> Line<'_> {
        let mut spans = vec![Span::from("holdfast").bold(), Span::from("  per second")];
        if self.motion == Motion::Paused {
            spans.push(Span::from("  paused").bold());
        }
        if let Some(trouble) = &self.trouble {
            spans.push(Span::from(format!("  {trouble}")).style(self.style("ERROR")));
        }
        Line::from(spans)
    }

    fn style(&self, state: &str) -> Style {
        let colour = match Mood::of(state) {
            Some(Mood::Good) => Color::Green,
            Some(Mood::Fair) => Color::Yellow,
            Some(Mood::Bad) => Color::Red,
            Some(Mood::Still) => Color::DarkGray,
            None => Color::Reset,
        };
        match self.colours {
            Colours::On => Style::new().fg(colour),
            Colours::Off => Style::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ratatui::{Terminal, backend::TestBackend};

    use super::{
        super::rates::{Rates, tests::status},
        *,
    };

    fn picture() -> Picture {
        let mut rates = Rates::default();
        rates.rows(&status(0, 0), Duration::from_secs(1));
        Picture {
            rows: rates.rows(&status(2048, 10), Duration::from_secs(1)),
            motion: Motion::Live,
            trouble: None,
            scroll: TableState::new(),
            colours: Colours::Off,
        }
    }

    fn drawn(picture: &mut Picture) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(110, 8)).unwrap();
        terminal.draw(|frame| picture.draw(frame)).unwrap();
        let buffer = terminal.backend().buffer();
        let width = usize::from(buffer.area.width);
        let lines = buffer.content.chunks(width).map(|cells| {
            let line: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
            line.trim_end().to_owned()
        });
        lines.collect()
    }

    #[test]
    fn the_picture_shows_what_passes_everything_there_is() {
        let lines = drawn(&mut picture());
        assert_eq!(lines[0], "holdfast  per second");
        let words = |line: &str| {
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(
            words(&lines[1]),
            "NAME ADDRESS STATE IN/s OUT/s NEW/s OPEN SESSIONS"
        );
        assert_eq!(words(&lines[2]), "shop 192.0.2.1 ONLINE");
        assert_eq!(words(&lines[3]), "front TCP 80 ONLINE 2.0 KiB 4.0 KiB 10 3");
        assert_eq!(words(&lines[5]), "one 10.0.0.1:80 ONLINE 2.0 KiB 4.0 KiB 10 3 5");
        assert!(lines[7].contains("q quit"), "{lines:?}");
    }

    #[test]
    fn the_headline_says_why_the_picture_stands_still() {
        let mut picture = picture();
        picture.motion = Motion::Paused;
        picture.trouble = Some("no daemon".into());
        assert_eq!(drawn(&mut picture)[0], "holdfast  per second  paused  no daemon");
    }
}
