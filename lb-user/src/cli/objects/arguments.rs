//! What can be said to each verb, as it follows from the kind.

use clap::{Arg, ArgAction, ArgGroup, Args as _, Command};

use super::{
    super::{format::Format, values},
    kind::{Below, Field, Kind, Subject, Value, When},
};

/// The ids of arguments that are no options of a field.
pub(super) const SUBJECT: &str = "subject";
pub(super) const OBJECT: &str = "object";
pub(super) const NEW_NAME: &str = "name";
pub(super) const ENABLE: &str = "enable";
pub(super) const DISABLE: &str = "disable";
pub(super) const CASCADE: &str = "cascade";
/// That of a group of arguments.
const AT_LEAST_ONE: &str = "at least one";

/// What is done with objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    List,
    Show,
    Set,
    Unset,
    Delete,
}

impl Verb {
    const ALL: [Self; 6] = [
        Self::Create,
        Self::List,
        Self::Show,
        Self::Set,
        Self::Unset,
        Self::Delete,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::List => "list",
            Self::Show => "show",
            Self::Set => "set",
            Self::Unset => "unset",
            Self::Delete => "delete",
        }
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.word() == word)
    }

    fn about(self, kind: &Kind) -> String {
        let Kind { one, several, .. } = kind;
        match self {
            Self::Create => format!("Makes a {one}"),
            Self::List => format!("Lists {several}"),
            Self::Show => format!("Shows all of a {one}"),
            Self::Set => format!("Changes a {one}: what is named, and nothing else"),
            Self::Unset => format!("Puts what is named of a {one} back to what it is by itself"),
            Self::Delete => format!("Takes {several} away"),
        }
    }
}

/// The command of a kind.
pub(super) fn of_kind(kind: &'static Kind) -> Command {
    Command::new(kind.command)
        .visible_aliases(kind.aliases)
        .about(format!("Makes, shows, changes and takes away {}", kind.several))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(Verb::ALL.map(|verb| of_verb(kind, verb)))
}

fn of_verb(kind: &'static Kind, verb: Verb) -> Command {
    let command = Command::new(verb.word()).about(verb.about(kind));
    let command = match kind.parent {
        Some(parent) => {
            let arg = Arg::new(parent.option).long(parent.option);
            let arg = arg.value_name(parent.kind.placeholder());
            let one = parent.kind.one;
            command.arg(match verb {
                Verb::Create => arg.required(true).help(format!("The {one} that it is of")),
                _ => arg.help(format!("The {one}; without it, all are looked through")),
            })
        }
        None => command,
    };
    match verb {
        Verb::Create => create(command, kind),
        Verb::List => list(command, kind),
        Verb::Show => with_format(command.arg(object(kind))),
        Verb::Set => set(command, kind),
        Verb::Unset => unset(command, kind),
        Verb::Delete => delete(command, kind),
    }
}

fn with_format(command: Command) -> Command {
    Format::augment_args(command)
}

/// Which one is meant.
fn object(kind: &Kind) -> Arg {
    let help = match kind.subject {
        Subject::Name | Subject::MaybeName => "Its name or id",
        Subject::Endpoint => "Its name or id, or its address and port",
        Subject::Nothing => "Its id",
    };
    Arg::new(OBJECT)
        .value_name(kind.placeholder())
        .required(true)
        .help(help)
}

fn create(mut command: Command, kind: &'static Kind) -> Command {
    let subject = Arg::new(SUBJECT);
    let name = subject.clone().value_name("NAME").help("What it is called");
    command = match kind.subject {
        Subject::Name => command.arg(name.required(true)),
        Subject::MaybeName => command.arg(name),
        Subject::Endpoint => command.arg(
            subject
                .value_name("ADDRESS:PORT")
                .required(true)
                .value_parser(values::endpoint)
                .help("Where it is"),
        ),
        Subject::Nothing => command,
    };
    for field in kind.fields {
        let arg = field.argument();
        command = command.arg(match field.when {
            When::Usually(word) => arg.default_value(word),
            when => arg.required(when.is_required()),
        });
    }
    command = at_least_one(switches(command, kind), kind.either.to_vec());
    with_format(command).after_help(format!("Example: {}", kind.example))
}

fn switches(command: Command, kind: &Kind) -> Command {
    if kind.switch.is_none() {
        return command;
    }
    let switch = |name, help| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    command
        .arg(switch(ENABLE, "It is switched on").conflicts_with(DISABLE))
        .arg(switch(DISABLE, "It is switched off"))
}

fn list(mut command: Command, kind: &'static Kind) -> Command {
    if kind.subject.is_named() {
        let help = "Only those that are called so";
        command = command.arg(Arg::new(NEW_NAME).long(NEW_NAME).value_name("NAME").help(help));
    }
    for field in filters(kind) {
        let Value::Reference(of) = field.value else {
            continue;
        };
        let help = format!("Only those of this {}", of.one);
        command = command.arg(field.argument().help(help));
    }
    if let Some(field) = kind.fields.iter().find(|field| field.key == "tags") {
        command = command.arg(
            field
                .argument()
                .help("Only those with this tag; with several: with all of them"),
        );
    }
    with_format(command)
}

/// The fields by which lists of a kind can be narrowed.
pub(super) fn filters(kind: &'static Kind) -> impl Iterator<Item = &'static Field> {
    let is_filter = |field: &&Field| kind.filters.contains(&field.option);
    kind.fields.iter().filter(is_filter)
}

fn set(mut command: Command, kind: &'static Kind) -> Command {
    let mut changes = Vec::new();
    command = command.arg(object(kind));
    if matches!(kind.subject, Subject::Name | Subject::MaybeName) {
        let help = "What it is to be called";
        command = command.arg(Arg::new(NEW_NAME).long(NEW_NAME).value_name("NAME").help(help));
        changes.push(NEW_NAME);
    }
    for field in kind.fields.iter().filter(|field| field.when.on_set()) {
        command = command.arg(field.argument());
        changes.push(field.option);
    }
    if kind.switch.is_some() {
        changes.extend([ENABLE, DISABLE]);
    }
    command = switches(command, kind);
    with_format(at_least_one(command, changes))
}

fn unset(mut command: Command, kind: &'static Kind) -> Command {
    let mut changes = Vec::new();
    command = command.arg(object(kind));
    for field in kind.fields.iter().filter(|field| field.when.on_unset()) {
        let arg = Arg::new(field.option).long(field.option);
        command = command.arg(arg.action(ArgAction::SetTrue).help(field.help));
        changes.push(field.option);
    }
    with_format(at_least_one(command, changes))
}

/// A change of nothing is a mistake, and so is what is in nothing.
fn at_least_one(command: Command, options: Vec<&'static str>) -> Command {
    if options.is_empty() {
        return command;
    }
    let group = ArgGroup::new(AT_LEAST_ONE).args(options);
    command.group(group.multiple(true).required(true))
}

fn delete(mut command: Command, kind: &Kind) -> Command {
    command = command.arg(object(kind).num_args(1..));
    if kind.below == Below::Cascades {
        let help = "With all that is below it: listeners, pools, members, policies";
        command = command.arg(
            Arg::new(CASCADE)
                .long(CASCADE)
                .action(ArgAction::SetTrue)
                .help(help),
        );
    }
    command
}
