//! The command line.

use std::collections::HashSet;

use clap::{Args as _, CommandFactory as _};

use super::{
    arguments::{Arguments, Client},
    format::Format,
    keys, request,
    top::Top,
};

#[test]
fn the_command_line_is_well_formed_and_every_argument_has_a_help_text() {
    let command = Arguments::command();
    command.clone().debug_assert();
    assert_helps(&command);
}

fn assert_helps(command: &clap::Command) {
    for command in command.get_subcommands() {
        assert!(command.get_about().is_some(), "{}", command.get_name());
        for argument in command.get_arguments() {
            assert!(
                argument.get_help().is_some(),
                "{} {}",
                command.get_name(),
                argument.get_id()
            );
        }
        assert_helps(command);
    }
}

#[test]
fn each_command_says_of_itself_what_no_other_one_beside_it_says() {
    assert_abouts(&Arguments::command());
}

fn assert_abouts(command: &clap::Command) {
    let mut said = HashSet::new();
    for command in command.get_subcommands() {
        let about = command.get_about().map(ToString::to_string);
        assert!(
            said.insert(about),
            "{} says what another one says",
            command.get_name()
        );
        assert_abouts(command);
    }
}

#[test]
fn arguments_that_several_commands_have_say_nothing_in_place_of_the_command() {
    let bare = || clap::Command::new("bare");
    for command in [
        Format::augment_args(bare()),
        Top::augment_args(bare()),
        keys::Keys::augment_args(bare()),
        request::Arguments::augment_args(bare()),
    ] {
        assert_eq!((command.get_about(), command.get_long_about()), (None, None));
    }
}

#[test]
fn a_client_is_an_address_with_or_without_port() {
    for (text, address, port) in [
        ("192.0.2.7", "192.0.2.7", None),
        ("192.0.2.7:4000", "192.0.2.7", Some(4000)),
        ("2001:db8::7", "2001:db8::7", None),
        ("[2001:db8::7]:4000", "2001:db8::7", Some(4000)),
        ("::ffff:192.0.2.7", "192.0.2.7", None),
    ] {
        let address = address.parse().unwrap();
        assert_eq!(text.parse(), Ok(Client { address, port }));
    }
    for text in [
        "",
        "example.org",
        "192.0.2.7:",
        "192.0.2.7:70000",
        "[2001:db8::7]",
    ] {
        assert!(text.parse::<Client>().is_err(), "{text}");
    }
}
