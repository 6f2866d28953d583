//! The interfaces.

use nix::net::if_::if_nameindex;

use super::Missing;
use crate::config::closest;

/// The wanted ones that are not there. By the kernel rather than in /sys, which may be that of another namespace.
pub(super) fn check(wanted: &[String]) -> Vec<Missing> {
    let Ok(interfaces) = if_nameindex() else {
        return Vec::new();
    };
    let there: Vec<String> = interfaces
        .iter()
        .map(|interface| interface.name().to_string_lossy().into_owned())
        .collect();
    missing(wanted, &there)
}

fn missing(wanted: &[String], there: &[String]) -> Vec<Missing> {
    let absent = wanted.iter().filter(|name| !there.contains(name));
    absent
        .map(|name| Missing::Interface {
            name: name.clone(),
            meant: closest(name, there.iter().map(String::as_str)).map(str::to_owned),
            there: there.to_vec(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_is_not_there_is_named_with_those_that_are() {
        let names = |names: &[&str]| -> Vec<String> { names.iter().map(ToString::to_string).collect() };
        let there = names(&["lo", "enp3s0", "wlan0"]);
        let said = |wanted: &[&str]| -> Vec<String> {
            let missing = missing(&names(wanted), &there);
            missing.iter().map(ToString::to_string).collect()
        };
        assert_eq!(said(&["enp3s0", "lo"]), [""; 0]);
        assert_eq!(
            said(&["enp3s1", "lo", "bridge"]),
            [
                "there is no interface \"enp3s1\" (did you mean \"enp3s0\"?); there are: lo, enp3s0, wlan0",
                "there is no interface \"bridge\"; there are: lo, enp3s0, wlan0"
            ]
        );
    }
}
