//! What is left of a datapath, and what is taken over.

use std::path::PathBuf;

use lb_user::{
    bpf::{Datapath, Error},
    model::DatapathSettings,
};

/// Pins of a test's own, which go at its end.
struct Pins(PathBuf);

impl Pins {
    fn new(test: &str) -> Self {
        let name = format!("hf-{}-pins-{test}", std::process::id());
        Self(PathBuf::from("/sys/fs/bpf").join(name))
    }

    fn load(&self) -> Result<Datapath, Error> {
        let small = DatapathSettings {
            max_flows: 1024,
            max_sessions: 65_536,
            ..DatapathSettings::default()
        };
        Datapath::load(&small, &self.0)
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_datapath_that_was_never_switched_to_leaves_no_pins() {
    let pins = Pins::new("tried");
    let datapath = pins.load().expect("root and a BPF file system are needed");
    assert!(pins.0.exists());
    drop(datapath);
    assert!(!pins.0.exists());
}

#[test]
fn maps_of_another_layout_are_not_taken_over() {
    let pins = Pins::new("layout");
    let mut datapath = pins.load().expect("root and a BPF file system are needed");
    datapath.switch().expect("there is no interface");
    let settings = &datapath.maps.settings[0];
    settings.layout_version.set(settings.layout_version.get() + 1);
    drop(datapath);
    let error = pins.load().err().expect("it is not to be taken over");
    assert!(
        error.to_string().contains("holdfast stop --detach --config"),
        "{error}"
    );
    assert!(pins.0.join("SETTINGS").exists(), "what was there stays");
}
