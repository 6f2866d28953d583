//! How a command is called: its options with their values, which `clap_mangen` leaves out.

use clap::{Arg, Command};
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

/// The section of a command.
pub(super) fn section(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let mut line = vec![bold(name)];
    for part in parts(command) {
        line.push(roman(" "));
        line.extend(part);
    }
    unbroken(&mut roff, line);
    roff
}

/// Words that stay whole. Lines of such are not stretched: some are longer than a line has room for beside others.
pub(super) fn unbroken(roff: &mut Roff, line: Vec<Inline>) {
    roff.control("ad", ["l"]).control("nh", []);
    roff.text(line);
    roff.control("hy", []).control("ad", ["b"]);
}

/// Options that may be there, those that have to be, those of which one has to be, and what comes without a name.
fn parts(command: &Command) -> Vec<Vec<Inline>> {
    let groups: Vec<Vec<&Arg>> = command
        .get_groups()
        .filter(|group| group.is_required_set())
        .map(|group| {
            let of = group.get_args();
            of.filter_map(|id| command.get_arguments().find(|arg| arg.get_id() == id))
                .collect()
        })
        .collect();
    let is_alone =
        |arg: &&Arg| !arg.is_hide_set() && !groups.iter().flatten().any(|one| one.get_id() == arg.get_id());
    let (options, positionals): (Vec<&Arg>, Vec<&Arg>) = command
        .get_arguments()
        .filter(is_alone)
        .partition(|arg| !arg.is_positional());
    let (required, optional): (Vec<&Arg>, Vec<&Arg>) =
        options.into_iter().partition(|arg| arg.is_required_set());
    let mut parts: Vec<_> = optional.into_iter().chain(required).map(argument).collect();
    for group in groups {
        let mut all = vec![roman("{")];
        for (index, arg) in group.into_iter().enumerate() {
            all.extend((index > 0).then(|| roman(" | ")));
            all.extend(called(arg));
        }
        all.push(roman("}..."));
        parts.push(all);
    }
    parts.extend(positionals.into_iter().map(argument));
    if command.has_subcommands() {
        parts.push(vec![italic("COMMAND"), roman(" ...")]);
    }
    parts
}

/// In brackets where it may be left out.
fn argument(arg: &Arg) -> Vec<Inline> {
    let mut part = called(arg);
    if !arg.is_required_set() {
        part.insert(0, roman("["));
        part.push(roman("]"));
    }
    let takes_several = match arg.get_num_args() {
        Some(range) if arg.is_positional() => range.max_values() > 1,
        _ => false,
    };
    if takes_several || matches!(arg.get_action(), clap::ArgAction::Append) {
        part.push(roman("..."));
    }
    part
}

/// Its name, if it has one, and its value.
fn called(arg: &Arg) -> Vec<Inline> {
    let mut part: Vec<_> = arg
        .get_long()
        .map(|long| bold(format!("--{long}")))
        .into_iter()
        .collect();
    if arg.is_positional() || arg.get_action().takes_values() {
        part.extend((!part.is_empty()).then(|| roman(" ")));
        let names = arg.get_value_names().unwrap_or_default();
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        part.push(italic(names.join(" ")));
    }
    part
}
