use super::{Page, pages};

fn all() -> Vec<Page> {
    pages().unwrap()
}

fn page(file: &str) -> String {
    let found = all().into_iter().find(|page| page.file == file);
    found.unwrap_or_else(|| panic!("there is no {file}")).text
}

/// What a section has, as it is read: without what says how.
fn section(text: &str, name: &str) -> String {
    let (_, rest) = text
        .split_once(&format!("\n.SH {name}\n"))
        .unwrap_or_else(|| panic!("no {name}: {text}"));
    let rest = rest.split("\n.SH ").next().unwrap_or(rest);
    ["\\fB", "\\fI", "\\fR", "\\"]
        .iter()
        .fold(rest.to_owned(), |text, mark| text.replace(mark, ""))
}

#[test]
fn every_page_has_the_sections_that_are_looked_for() {
    for Page { file, text } in all() {
        assert_eq!(text.matches("\n.TH ").count(), 1, "{file}");
        for name in ["NAME", "DESCRIPTION", "\"SEE ALSO\""] {
            section(&text, name);
        }
        assert!(!text.contains(".SH EXTRA"), "{file}");
        if file.ends_with(".1") {
            section(&text, "SYNOPSIS");
            assert!(section(&text, "\"EXIT STATUS\"").contains("\n0\n"), "{file}");
        }
    }
}

#[test]
fn a_synopsis_says_values_what_has_to_be_there_and_what_may_be_there_often() {
    let create = section(&page("holdfast-pool-create.1"), "SYNOPSIS");
    assert!(
        create.contains("[--session-persistence type=TYPE,timeout=DURATION,...]"),
        "{create}"
    );
    assert!(create.contains("--protocol WORD"), "{create}");
    let trace = section(&page("holdfast-trace.1"), "SYNOPSIS");
    assert!(trace.contains("[CLIENT]..."), "{trace}");
    assert!(section(&page("holdfast-run.1"), "SYNOPSIS").contains(" --config FILE"));
}

#[test]
fn examples_and_exit_statuses_stand_where_they_are_looked_for() {
    assert!(section(&page("holdfast-member-create.1"), "EXAMPLES").contains("holdfast member create"));
    let program = section(&page("holdfast.1"), "\"EXIT STATUS\"");
    assert!(program.contains("\n69\nno daemon"), "{program}");
    let diff = section(&page("holdfast-diff.1"), "\"EXIT STATUS\"");
    assert!(
        diff.contains("\n1\ndifferences") && !diff.contains("69"),
        "{diff}"
    );
    assert!(section(&page("holdfast.1"), "FILES").contains("/etc/holdfast/holdfast.toml"));
}

/// The pages that one names.
fn named(text: &str) -> String {
    let section = section(text, "\"SEE ALSO\"");
    section.lines().filter(|line| !line.starts_with('.')).collect()
}

#[test]
fn pages_name_only_pages_that_there_are() {
    let files: Vec<_> = all().into_iter().map(|page| page.file).collect();
    for Page { file, text } in all() {
        for name in named(&text).split(", ") {
            let name = name.trim_end_matches(')').replace('(', ".");
            assert!(files.contains(&name), "{file} names {name}");
        }
    }
}

#[test]
fn the_page_of_the_file_has_all_of_its_settings_and_what_holds_without_them() {
    let text = page("holdfast.toml.5");
    let text = section(&text, "DESCRIPTION");
    for setting in include_str!("../../../../docs/src/configuration.md").lines() {
        if let Some(name) = setting
            .strip_prefix("| `")
            .and_then(|rest| rest.split('`').next())
        {
            assert!(text.contains(&format!(".TP\n{name}\n")), "{name}");
        }
    }
    assert!(
        text.contains(".TP\nmax_flows\n1024 to 67108864; default: 1048576.\n"),
        "{text}"
    );
}
