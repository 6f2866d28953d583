//! Colours, where somebody looks at a terminal that shows them (<https://no-color.org>).

use std::io::IsTerminal;

/// Whether something is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    On,
    Off,
}

/// Those of what is written to standard output.
pub(super) fn of_standard_output() -> Colours {
    of(&std::io::stdout())
}

/// Those of what is written to standard error.
pub(super) fn of_standard_error() -> Colours {
    of(&std::io::stderr())
}

fn of(out: &impl IsTerminal) -> Colours {
    let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if out.is_terminal() && !is_unwanted {
        Colours::On
    } else {
        Colours::Off
    }
}

/// How something is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Good,
    Fair,
    Bad,
    Still,
}

impl Mood {
    /// That of a state, if it is the word of one.
    pub(super) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "ONLINE" | "ACTIVE" => Self::Good,
            "DEGRADED" | "DRAINING" | "PENDING_CREATE" | "PENDING_UPDATE" | "PENDING_DELETE" => Self::Fair,
            "ERROR" => Self::Bad,
            "OFFLINE" | "NO_MONITOR" => Self::Still,
            _ => return None,
        })
    }

    fn paint(self, text: &str) -> String {
        let code = match self {
            Self::Good => 32,
            Self::Fair => 33,
            Self::Bad => 31,
            Self::Still => 2,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// A state in its colour, with the blanks behind it; whatever else stands there stays as it is.
pub(super) fn state(text: &str, colours: Colours) -> String {
    let word = text.trim_end();
    match Mood::of(word) {
        Some(mood) => text_of(word, mood, colours) + &text[word.len()..],
        None => text.to_owned(),
    }
}

/// A text in the colour of a mood.
pub(super) fn text_of(text: &str, mood: Mood, colours: Colours) -> String {
    match colours {
        Colours::On => mood.paint(text),
        Colours::Off => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_coloured_and_what_is_none_stays_as_it_is() {
        for (text, colours, is) in [
            ("ONLINE   ", Colours::On, "\u{1b}[32mONLINE\u{1b}[0m   "),
            ("ERROR", Colours::On, "\u{1b}[31mERROR\u{1b}[0m"),
            ("ERROR", Colours::Off, "ERROR"),
            ("ERROR of web", Colours::On, "ERROR of web"),
            ("", Colours::On, ""),
        ] {
            assert_eq!(state(text, colours), is);
        }
    }
}
