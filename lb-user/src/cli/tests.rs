//! The command line.

use clap::CommandFactory as _;

use super::*;

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
