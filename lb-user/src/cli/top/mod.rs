//! `holdfast top`: what passes now, in the terminal.

mod rates;
mod screen;

use std::{
    io::{self, IsTerminal as _},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    widgets::TableState,
};
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
};

use super::{
    ask::{ask, unexpected},
    escape,
    exit::{Exit, Failure},
    format::Format,
    paint::{self, Colours},
    table::{Column, Table},
    values,
};
use crate::{
    control::{Answer, Command},
    views::Status,
};
use rates::{Rates, Row};
use screen::{Motion, Picture};

/// How soon a signal is heard.
const PATIENCE: Duration = Duration::from_millis(200);
/// Rows that a page is scrolled by.
const PAGE: u16 = 10;

#[derive(Debug, Args)]
pub(super) struct Top {
    /// From one look to the next
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = interval)]
    interval: Duration,
    /// Prints what has passed within one interval, and ends
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    format: Format,
}

fn interval(text: &str) -> Result<Duration, String> {
    match values::milliseconds(text) {
        Ok(milliseconds @ 100..=3_600_000) => Ok(Duration::from_millis(milliseconds)),
        Ok(_) => Err("it is between 100ms and 1h".to_owned()),
        Err(complaint) => Err(complaint),
    }
}

pub(super) fn run(socket: &Path, top: &Top) -> anyhow::Result<()> {
    let mut rates = Rates::default();
    // Who cannot ask hears so before the terminal is anything else.
    let first = rates.rows(&look(socket)?, top.interval);
    if top.once {
        thread::sleep(top.interval);
        let rows = rates.rows(&look(socket)?, top.interval);
        return top.format.print(&rows, |colours| table(&rows, colours));
    }
    if !io::stdout().is_terminal() {
        let text = "`top` draws on a terminal, which standard output is not; `holdfast top --once` prints one picture";
        return Err(Failure::new(Exit::Failed, text).into());
    }
    let picture = Picture {
        rows: first,
        motion: Motion::Live,
        trouble: None,
        scroll: TableState::new(),
        colours: paint::of_standard_output(),
    };
    let ended = Arc::new(AtomicBool::new(false));
    hear_signals(&ended)?;
    // From here on a panic leaves the terminal as it was too.
    let terminal = ratatui::try_init()?;
    let shown = show(terminal, picture, rates, socket, top.interval, &ended);
    ratatui::try_restore()?;
    shown
}

fn look(socket: &Path) -> anyhow::Result<Status> {
    match ask(socket, &Command::Status)? {
        Answer::Status(status) => Ok(*status),
        other => unexpected(&other),
    }
}

/// The rows for scripts and pipes.
fn table(rows: &[Row], colours: Colours) -> String {
    let titles = screen::titles();
    let columns = titles.into_iter().enumerate().map(|(index, title)| match index {
        ..screen::STATE => Column::Left(title),
        screen::STATE => Column::State(title),
        _ => Column::Right(title),
    });
    let mut table = Table::new(columns.collect::<Vec<_>>());
    for row in rows {
        table.row(screen::cells(row));
    }
    table.painted(colours)
}

/// Notes that the process is to end: with the terminal in its hands it has to tidy up first.
fn hear_signals(ended: &Arc<AtomicBool>) -> io::Result<()> {
    let ended = Arc::clone(ended);
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let [mut int, mut term, mut hup] = {
        let _inside = runtime.enter();
        let hear = |kind| signal(kind);
        [
            hear(SignalKind::interrupt())?,
            hear(SignalKind::terminate())?,
            hear(SignalKind::hangup())?,
        ]
    };
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = int.recv() => {}
                _ = term.recv() => {}
                _ = hup.recv() => {}
            }
        });
        ended.store(true, Relaxed);
    });
    Ok(())
}

fn show(
    mut terminal: DefaultTerminal,
    mut picture: Picture,
    mut rates: Rates,
    socket: &Path,
    interval: Duration,
    ended: &AtomicBool,
) -> anyhow::Result<()> {
    let mut looked = Instant::now();
    while !ended.load(Relaxed) {
        terminal.draw(|frame| picture.draw(frame))?;
        let left = match picture.motion {
            Motion::Live => interval.saturating_sub(looked.elapsed()),
            Motion::Paused => PATIENCE,
        };
        if event::poll(left.min(PATIENCE))? {
            if let Event::Key(key) = event::read()?
                && picture.take(key) == Next::Quit
            {
                break;
            }
            continue;
        }
        if looked.elapsed() < interval {
            continue;
        }
        if picture.motion == Motion::Live {
            match look(socket) {
                Ok(status) => {
                    picture.rows = rates.rows(&status, looked.elapsed());
                    picture.trouble = None;
                }
                // Another daemon may be about to take over.
                Err(error) => picture.trouble = Some(escape::line(&error.to_string()).into_owned()),
            }
            looked = Instant::now();
        }
    }
    Ok(())
}

/// What comes after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Quit,
    GoOn,
}

impl Picture {
    fn take(&mut self, key: KeyEvent) -> Next {
        if key.kind == KeyEventKind::Release {
            return Next::GoOn;
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Next::Quit,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Next::Quit,
            KeyCode::Char('p') => {
                self.motion = match self.motion {
                    Motion::Live => Motion::Paused,
                    Motion::Paused => Motion::Live,
                };
            }
            KeyCode::Up => self.scroll_by(-1),
            KeyCode::Down => self.scroll_by(1),
            KeyCode::PageUp => self.scroll_by(-i32::from(PAGE)),
            KeyCode::PageDown => self.scroll_by(i32::from(PAGE)),
            _ => {}
        }
        Next::GoOn
    }

    fn scroll_by(&mut self, rows: i32) {
        let last = self.rows.len().saturating_sub(1);
        let offset = self.scroll.offset().saturating_add_signed(rows as isize);
        *self.scroll.offset_mut() = offset.min(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        Picture {
            rows: Rates::default().rows(&rates::tests::status(0, 0), Duration::from_secs(1)),
            motion: Motion::Live,
            trouble: None,
            scroll: TableState::new(),
            colours: Colours::Off,
        }
    }

    #[test]
    fn keys_quit_pause_and_scroll() {
        let mut picture = picture();
        let mut press = |code, modifiers| picture.take(KeyEvent::new(code, modifiers));
        let none = KeyModifiers::NONE;
        assert_eq!(press(KeyCode::Char('q'), none), Next::Quit);
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::CONTROL), Next::Quit);
        assert_eq!(press(KeyCode::Char('c'), none), Next::GoOn);
        assert_eq!(press(KeyCode::Char('p'), none), Next::GoOn);
        assert_eq!(press(KeyCode::PageDown, none), Next::GoOn);
        assert_eq!((picture.motion, picture.scroll.offset()), (Motion::Paused, 3));
        picture.take(KeyEvent::new(KeyCode::PageUp, none));
        picture.take(KeyEvent::new(KeyCode::Char('p'), none));
        assert_eq!((picture.motion, picture.scroll.offset()), (Motion::Live, 0));
    }

    #[test]
    fn an_interval_is_neither_nothing_nor_forever() {
        assert_eq!(interval("500ms"), Ok(Duration::from_millis(500)));
        assert!(interval("0s").is_err() && interval("2d").is_err() && interval("1").is_err());
    }

    #[test]
    fn what_is_printed_once_is_a_table() {
        let text = table(&picture().rows, Colours::Off);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].starts_with("NAME") && lines[0].ends_with("SESSIONS"),
            "{text}"
        );
        assert!(
            lines[2].starts_with("  front") && lines[2].contains("ONLINE"),
            "{text}"
        );
    }
}
