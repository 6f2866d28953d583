//! The page of the configuration file: the reference in the book, which a test makes of what the reader asks for.

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use super::Page;

const BOOK: &str = include_str!("../../../../docs/src/configuration.md");

pub(super) fn page() -> Page {
    let mut roff = Roff::new();
    roff.control("TH", ["HOLDFAST.TOML", "5", "", &super::source(), super::MANUAL]);
    roff.control("SH", ["NAME"])
        .text([roman("holdfast.toml - the configuration of Holdfast")]);
    roff.control("SH", ["DESCRIPTION"]);
    let mut settings = roff;
    for block in BOOK.split("\n\n").map(str::trim) {
        if let Some(header) = block.strip_prefix("## ") {
            settings.control("SS", [super::plain(header).as_str()]);
        } else if block.starts_with('|') {
            // After the header of the table, and the line below it.
            block.lines().skip(2).for_each(|row| setting(&mut settings, row));
        } else if !block.starts_with('#') && !block.starts_with("<!--") {
            settings
                .control("PP", [])
                .text(inlines(&block.replace('\n', " ")));
        }
    }
    let files = "/usr/share/doc/holdfast/examples";
    settings
        .control("SH", ["EXAMPLES"])
        .control("TP", [])
        .text([italic(files)]);
    settings.text([roman("holdfast.toml and http.toml have everything there is to configure, api.toml what is for the management API.")]);
    settings.control("SH", ["SEE ALSO"]).text([roman(
        "holdfast(1), holdfast-check(1), holdfast-reload(1), holdfast-diff(1)",
    )]);
    Page {
        file: "holdfast.toml.5".to_owned(),
        text: settings.render(),
    }
}

/// A row of a table: what is set, by what, what it is without, and what it means.
fn setting(roff: &mut Roff, row: &str) {
    let row = row.replace("\\|", "\u{1}");
    let cells: Vec<_> = row
        .trim_matches('|')
        .split('|')
        .map(|cell| cell.trim().replace('\u{1}', "|"))
        .collect();
    let [name, values, default, meaning] = &cells[..] else {
        return;
    };
    roff.control("TP", []).text(inlines(name));
    let default = if default.starts_with("required") {
        format!("; {default}")
    } else {
        format!("; default: {default}")
    };
    roff.text([inlines(values), inlines(&default), vec![roman(".")]].concat());
    roff.control("br", [])
        .text([inlines(meaning), vec![roman(".")]].concat());
}

/// Code is bold, and nothing else stands out.
fn inlines(text: &str) -> Vec<Inline> {
    let parts = text.split('`').enumerate();
    parts
        .filter(|(_, part)| !part.is_empty())
        .map(|(index, part)| {
            if index % 2 == 0 {
                roman(part.replace('*', ""))
            } else {
                bold(part)
            }
        })
        .collect()
}
