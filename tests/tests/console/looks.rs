//! How the console looks, and to whom.

use anyhow::Result;
use serde_json::json;

use crate::world::World;

/// Pages with something to see on each.
fn shown_in(language: &'static str, scenarios: &[&str]) -> Result<()> {
    let world = World::start()?;
    world.hold_and_watch()?;
    world.lines();
    for scenario in scenarios {
        world
            .visitor(language)
            .does(scenario, json!({"group": "lines"}))?;
    }
    Ok(())
}

#[test]
fn nobody_trips_over_anything_in_light_and_dark_by_keyboard_or_on_a_phone() -> Result<()> {
    shown_in("en", &["access", "keyboard", "phone"])
}

#[test]
fn nobody_who_reads_chinese_trips_over_anything() -> Result<()> {
    shown_in("zh", &["access", "phone"])
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
    for language in ["en", "zh"] {
        let world = World::start()?;
        world.hold_and_watch()?;
        let picture = json!({"group": "lines"});
        world.visitor(language).sees_while("pictures", picture, || {
            world.lines();
            Ok(())
        })?;
    }
    Ok(())
}
