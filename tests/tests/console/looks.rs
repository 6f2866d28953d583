//! How the console looks, and to whom.

use anyhow::Result;
use serde_json::{Value, json};

use crate::world::World;

/// Pages with something to see on each.
fn shown_in(language: &'static str, scenarios: &[(&str, Value)]) -> Result<()> {
    let world = World::start()?;
    world.hold_and_watch()?;
    world.lines();
    for (scenario, further) in scenarios {
        let mut given = further.clone();
        given["group"] = json!("lines");
        world.visitor(language).does(scenario, given)?;
    }
    Ok(())
}

#[test]
fn nobody_trips_over_anything_in_light_and_dark_by_keyboard_or_on_a_phone() -> Result<()> {
    let scenarios = ["access", "keyboard", "phone"].map(|scenario| (scenario, json!({})));
    shown_in("en", &scenarios)
}

#[test]
fn nobody_who_reads_chinese_trips_over_anything() -> Result<()> {
    // The colours are those of every language.
    let light = json!({"schemes": ["light"]});
    shown_in("zh", &[("access", light), ("phone", json!({}))])
}

#[test]
fn names_as_long_as_they_may_be_cut_nothing_off_on_a_phone_or_a_screen() -> Result<()> {
    let longest = "n".repeat(255);
    let world = World::start()?;
    world.hold_and_watch_as(|_| longest.clone())?;
    world.lines();
    for scenario in ["phone", "screen"] {
        let names = json!({"balancer": longest, "group": longest});
        world.visitor("en").does(scenario, names)?;
    }
    Ok(())
}

#[test]
fn the_pictures_of_the_readme_are_taken_while_clients_come() -> Result<()> {
    let world = World::start()?;
    world.hold_and_watch()?;
    for language in ["en", "zh"] {
        let picture = json!({"group": "lines"});
        world.visitor(language).sees_while("pictures", picture, || {
            world.lines();
            Ok(())
        })?;
    }
    Ok(())
}
