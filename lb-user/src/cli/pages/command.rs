//! The page of a command: what `clap_mangen` makes of it, and the sections that manual pages have beside.

use clap_mangen::{
    Man,
    roff::{Roff, bold, italic, roman},
};

use super::{Page, synopsis};
use crate::{
    cli::{INSTALLED, exit},
    model::DaemonSettings,
};

/// Of the last one of these commands, each of which is one of the one before.
pub(super) fn page(path: &[&clap::Command]) -> anyhow::Result<Page> {
    let mut names = path.iter().map(|command| command.get_name());
    let name = names.clone().collect::<Vec<_>>().join("-");
    let command = path.last().copied().cloned().unwrap_or_default();
    let is_root = path.len() == 1;
    let man = Man::new(command.clone())
        .title(name.to_uppercase())
        .source(super::source())
        .manual(super::MANUAL);
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    text.extend(synopsis::section(&command).render().into_bytes());
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    let mut rest = Roff::new();
    exit_status(&mut rest, names.next_back().unwrap_or_default(), is_root);
    if let Some(example) = command.get_after_help().map(ToString::to_string) {
        rest.control("SH", ["EXAMPLES"]).control("EX", []);
        rest.text([roman(example.trim_start_matches("Example: "))]);
        rest.control("EE", []);
    }
    if is_root || name == "holdfast-run" {
        files(&mut rest);
    }
    see_also(&mut rest, path);
    text.extend(rest.render().into_bytes());
    Ok(Page {
        file: format!("{name}.1"),
        text: super::once(&String::from_utf8(text)?),
    })
}

/// What the help says in a line, as a list. What is of one command alone is on its page, and on that of the program.
fn exit_status(roff: &mut Roff, name: &str, is_root: bool) {
    roff.control("SH", ["EXIT STATUS"]);
    let own = format!("Of `{name}`");
    let has_own = exit::EXPLAINED.contains(&own);
    for sentence in exit::EXPLAINED.split_inclusive(". ") {
        let is_of_one = sentence.starts_with("Of `");
        let is_wanted = is_root
            || if has_own {
                sentence.starts_with(&own)
            } else {
                !is_of_one
            };
        if !is_wanted {
            continue;
        }
        let sentence = sentence.trim().trim_end_matches('.');
        // The list begins with the first number behind a colon.
        let mut colons = sentence.match_indices(": ").map(|(at, colon)| at + colon.len());
        let begin = colons.find(|at| sentence[*at..].starts_with(|letter: char| letter.is_ascii_digit()));
        let begin = begin.unwrap_or(0);
        let (intro, list) = sentence.split_at(begin);
        if is_of_one {
            roff.control("PP", [])
                .text([roman(super::plain(intro).trim().to_owned())]);
        }
        for entry in list.split("; ") {
            let (status, meaning) = entry.split_once(": ").unwrap_or(("", entry));
            roff.control("TP", []).text([bold(status)]).text([roman(meaning)]);
        }
    }
}

fn files(roff: &mut Roff) {
    let DaemonSettings {
        control_socket,
        pin_path,
        state_path,
        ..
    } = DaemonSettings::default();
    roff.control("SH", ["FILES"]);
    for (file, what) in [
        (
            INSTALLED.to_owned(),
            "The configuration, as the service has it: holdfast.toml(5).",
        ),
        (
            control_socket.display().to_string(),
            "The control socket. Whoever may open it may have the daemon do everything.",
        ),
        (
            state_path.display().to_string(),
            "What the API has made, the keys of cookies, sessions by application cookie.",
        ),
        (
            pin_path.display().to_string(),
            "Maps and links of the datapath, which outlive the daemon.",
        ),
        (
            "/var/log/holdfast".to_owned(),
            "Access logs, where they are configured so.",
        ),
    ] {
        roff.control("TP", []).text([italic(file)]).text([roman(what)]);
    }
}

/// What is above it, what is beside it, and what all of it is configured by.
fn see_also(roff: &mut Roff, path: &[&clap::Command]) {
    let names: Vec<_> = path.iter().map(|command| command.get_name()).collect();
    let mut pages: Vec<_> = (1..names.len())
        .map(|end| format!("{}(1)", names[..end].join("-")))
        .collect();
    // The program has too many to have all of them on all of their pages.
    if let [_, parent, command] = path {
        let beside = parent
            .get_subcommands()
            .filter(|other| other.get_name() != command.get_name());
        pages.extend(beside.map(|other| format!("{}-{}(1)", names[..2].join("-"), other.get_name())));
    }
    pages.push("holdfast.toml(5)".to_owned());
    roff.control("SH", ["SEE ALSO"]);
    synopsis::unbroken(roff, vec![roman(pages.join(", "))]);
}
