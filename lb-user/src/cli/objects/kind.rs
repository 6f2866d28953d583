//! What the command line knows of each kind of objects: all of it is said here, and nothing of it anywhere else.

use clap::{Arg, ArgAction, builder::PossibleValuesParser, builder::TypedValueParser as _};
use serde_json::{Value as Json, json};

use super::{super::values, network::Area};
use crate::model::Word;

/// A kind of objects.
pub(super) struct Kind {
    /// The command.
    pub(super) command: &'static str,
    /// What else it is called.
    pub(super) aliases: &'static [&'static str],
    /// What people call one, and several.
    pub(super) one: &'static str,
    pub(super) several: &'static str,
    /// What the API calls one, and several, and what it shows of one.
    pub(super) singular: &'static str,
    pub(super) plural: &'static str,
    pub(super) shown: &'static [&'static str],
    /// What stands before it in its path.
    pub(super) parent: Option<Parent>,
    /// What `create` is told before all options.
    pub(super) subject: Subject,
    pub(super) fields: &'static [Field],
    /// The options of which `create` wants one at least, where it is not the same one always.
    pub(super) either: &'static [&'static str],
    pub(super) columns: &'static [Column],
    /// The options by which lists can be narrowed.
    pub(super) filters: &'static [&'static str],
    /// The field that switches one on and off.
    pub(super) switch: Option<&'static str>,
    pub(super) below: Below,
    /// For the help of `create`.
    pub(super) example: &'static str,
}

/// What the objects of a kind are in.
#[derive(Clone, Copy)]
pub(super) struct Parent {
    /// The option that names it.
    pub(super) option: &'static str,
    /// The field that would name it.
    pub(super) key: &'static str,
    pub(super) kind: &'static Kind,
}

/// What an object is made by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// Its name.
    Name,
    /// Its name, or none.
    MaybeName,
    /// Its address and port; a name is an option.
    Endpoint,
    /// Nothing: it has no name.
    Nothing,
}

impl Subject {
    /// Whether objects are found by their names.
    pub(super) fn is_named(self) -> bool {
        self != Self::Nothing
    }
}

/// Whether there may be objects below one, which can go along with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Below {
    Nothing,
    Cascades,
}

/// A field that people may say something of.
pub(super) struct Field {
    pub(super) option: &'static str,
    pub(super) key: &'static str,
    pub(super) when: When,
    pub(super) value: Value,
    pub(super) help: &'static str,
}

/// When a field may be said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum When {
    /// An object is never made without, and it may change.
    Required,
    /// An object is never made without, and it stays.
    RequiredFixed,
    /// The same as `Required`; where nobody says it, it is this.
    Usually(&'static str),
    /// It may be said, and be unset.
    Open,
    /// It may be said when the object is made.
    Fixed,
}

impl When {
    pub(super) fn is_required(self) -> bool {
        matches!(self, Self::Required | Self::RequiredFixed)
    }

    pub(super) fn on_set(self) -> bool {
        matches!(self, Self::Required | Self::Usually(_) | Self::Open)
    }

    pub(super) fn on_unset(self) -> bool {
        self == Self::Open
    }
}

/// What a field is told by.
#[derive(Clone, Copy)]
pub(super) enum Value {
    /// Whatever stands there.
    Text(&'static str),
    Number,
    Address,
    /// In the API: seconds.
    Seconds,
    /// In the API: milliseconds.
    Milliseconds,
    /// It is true where it is said.
    Switch,
    /// One of a closed set.
    Word(fn() -> Vec<&'static str>),
    /// Another object, by its name or id.
    Reference(&'static Kind),
    /// A subnet or network of the configuration, by its name or id.
    Area(Area),
    /// As often as there are some.
    Texts(&'static str),
    /// `KEY=VALUE`, as often as there are some.
    Entries,
    SessionPersistence,
}

/// The words of a closed set.
pub(super) fn words<T: Word>() -> Vec<&'static str> {
    T::ALL.iter().map(|value| value.word()).collect()
}

impl Field {
    /// As it is said to `create` and `set`.
    pub(super) fn argument(&self) -> Arg {
        let arg = Arg::new(self.option).long(self.option).help(self.help);
        let text = |text: &str| Ok::<_, String>(json!(text));
        match self.value {
            Value::Text(name) => arg.value_name(name).value_parser(text),
            Value::Texts(name) => arg.value_name(name).value_parser(text).action(ArgAction::Append),
            Value::Number => arg
                .value_name("NUMBER")
                .value_parser(values::number)
                .allow_negative_numbers(true),
            Value::Address => arg.value_name("ADDRESS").value_parser(values::address),
            Value::Seconds => {
                let parse = |text: &str| values::seconds(text).map(|seconds| json!(seconds));
                arg.value_name("DURATION").value_parser(parse)
            }
            Value::Milliseconds => {
                let parse = |text: &str| values::milliseconds(text).map(|milliseconds| json!(milliseconds));
                arg.value_name("DURATION").value_parser(parse)
            }
            Value::Switch => arg.action(ArgAction::SetTrue),
            Value::Word(words) => {
                let parser = PossibleValuesParser::new(words()).map(|word| json!(word.to_ascii_uppercase()));
                arg.value_name("WORD").ignore_case(true).value_parser(parser)
            }
            Value::Reference(kind) => arg.value_name(kind.placeholder()).value_parser(text),
            Value::Area(_) => arg.value_name("NAME|ID").value_parser(text),
            Value::Entries => {
                let arg = arg.value_name("KEY=VALUE").value_parser(values::entry);
                arg.action(ArgAction::Append)
            }
            Value::SessionPersistence => arg
                .value_name("type=TYPE,timeout=DURATION,...")
                .value_parser(values::session_persistence),
        }
    }

    /// What `matches` say of it, other objects by what people call them.
    pub(super) fn said(&self, matches: &clap::ArgMatches) -> Option<Json> {
        match self.value {
            Value::Switch => matches.get_flag(self.option).then(|| json!(true)),
            Value::Texts(_) => {
                let all: Vec<Json> = matches.get_many(self.option)?.cloned().collect();
                Some(json!(all))
            }
            Value::Entries => {
                let entries = matches.get_many::<Json>(self.option)?;
                let entries = entries.filter_map(Json::as_object).flatten();
                Some(Json::Object(
                    entries.map(|(key, value)| (key.clone(), value.clone())).collect(),
                ))
            }
            _ => matches.get_one::<Json>(self.option).cloned(),
        }
    }
}

impl Kind {
    /// What stands for one in a usage line.
    pub(super) fn placeholder(&self) -> &'static str {
        if self.subject.is_named() { "NAME|ID" } else { "ID" }
    }
}

/// A column of a list.
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) key: &'static str,
    pub(super) shows: Shows,
}

/// What a column shows.
#[derive(Clone, Copy)]
pub(super) enum Shows {
    /// The value.
    Value,
    /// The value, which is a state.
    State,
    /// What the objects are called whose ids it has.
    NameOf(&'static Kind),
}
