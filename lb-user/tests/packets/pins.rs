//! What is left of a datapath, and what is taken over.

use std::path::PathBuf;

use aya::maps::MapData;
use lb_tests::daemon::mount_bpffs;
use lb_user::{
    bpf::{self, Datapath, Error},
    model::DatapathSettings,
};

/// Where pins of this process may be, in a BPF file system.
pub(crate) fn directory(name: &str) -> PathBuf {
    mount_bpffs().expect("root, and a kernel with a BPF file system");
    PathBuf::from("/sys/fs/bpf").join(format!("hf-{}-{name}", std::process::id()))
}

/// Pins of a test's own, which go at its end.
struct Pins(PathBuf);

impl Pins {
    fn new(test: &str) -> Self {
        Self(directory(&format!("pins-{test}")))
    }

    fn load(&self) -> Result<Datapath, Error> {
        Datapath::load(&small(), &self.0)
    }
}

fn small() -> DatapathSettings {
    DatapathSettings {
        max_flows: 1024,
        max_sessions: 65_536,
        ..DatapathSettings::default()
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

#[test]
fn maps_of_other_sizes_are_not_taken_over_and_can_be_ended() {
    let pins = Pins::new("sizes");
    let mut datapath = pins.load().expect("root and a BPF file system are needed");
    datapath.switch().expect("there is no interface");
    drop(datapath);
    let others = [
        DatapathSettings {
            max_flows: 2048,
            ..small()
        },
        DatapathSettings {
            max_sessions: 131_072,
            ..small()
        },
        DatapathSettings {
            max_members: 1,
            ..small()
        },
    ];
    for other in &others {
        let said = bpf::fits(&pins.0, other)
            .expect_err("it does not fit")
            .to_string();
        assert!(said.contains("holdfast stop --detach --config"), "{said}");
        let error = Datapath::load(other, &pins.0)
            .err()
            .expect("it is not to be taken over");
        assert_eq!(error.to_string(), said);
    }
    bpf::fits(&pins.0, &small()).expect("the same sizes");
    assert!(bpf::end(&pins.0).expect("nobody works on it"));
    assert!(!pins.0.exists());
    assert!(!bpf::end(&pins.0).expect("there is nothing"));
    Datapath::load(&others[0], &pins.0).expect("there is nothing to take over");
}

#[test]
fn the_end_of_a_datapath_takes_the_maps_of_earlier_layouts_too_and_leaves_what_others_pinned() {
    let pins = Pins::new("end");
    let mut datapath = pins.load().expect("root and a BPF file system are needed");
    datapath.switch().expect("there is no interface");
    drop(datapath);
    for name in ["LISTENER_IDS", "another"] {
        let map = MapData::from_pin(pins.0.join("SETTINGS")).expect("it is pinned");
        map.pin(pins.0.join(name)).expect("nothing has that name");
    }
    assert!(bpf::end(&pins.0).expect("nobody works on it"));
    let left = std::fs::read_dir(&pins.0).expect("it is there still");
    let left: Vec<_> = left.map(|entry| entry.expect("a name").file_name()).collect();
    assert_eq!(left, ["another"]);
}
