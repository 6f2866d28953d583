//! What the management API has answered for is there, whenever the daemon is killed.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::api::{Response, request};
use lb_tests::{daemon::binary, temporary_directory, try_eventually};
use serde_json::{Value, json};
use tempfile::TempDir;

const WITHIN: Duration = Duration::from_secs(20);
/// How often the daemon is killed.
const KILLS: usize = 12;

/// A daemon that keeps what it is told, and serves nobody.
struct Keeper {
    directory: TempDir,
    child: Option<Child>,
}

impl Keeper {
    fn new() -> Result<Self> {
        let directory = temporary_directory()?;
        let path = directory.path().display();
        let config = format!(
            "[daemon]\ncontrol_socket = \"{path}/control.sock\"\nstate_path = \"{path}/state\"\npin_path = \"{path}/pins\"\n"
        );
        std::fs::write(directory.path().join("holdfast.toml"), config)?;
        Ok(Self {
            directory,
            child: None,
        })
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("control.sock")
    }

    fn start(&mut self) -> Result<()> {
        let child = Command::new(binary())
            .args(["run", "--dataplane", "noop", "--config"])
            .arg(self.directory.path().join("holdfast.toml"))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        self.child = Some(child);
        try_eventually("the daemon to answer", WITHIN, || {
            request(&self.socket(), "GET", "/providers", None).is_ok_and(|response| response.status == 200)
        })
    }

    fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("it does not run")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    fn all(&self, path: &str, name: &str) -> Result<Vec<Value>> {
        let all = request(&self.socket(), "GET", path, None)?;
        Ok(all.object(name)?.as_array().context("no list")?.clone())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // It may have ended by itself, or not have been started.
        let _ = self.kill();
    }
}

/// A load balancer with a listener and a pool of two members, which all have the same name.
fn whole(number: usize) -> Value {
    let member = |last: usize| json!({"name": number.to_string(), "address": format!("192.0.2.{last}"), "protocol_port": 80});
    let name = number.to_string();
    json!({"loadbalancer": {
        "name": name,
        "vip_address": format!("10.1.{}.{}", number / 250, number % 250 + 1),
        "listeners": [{
            "name": name,
            "protocol": "TCP",
            "protocol_port": 80,
            "default_pool": {
                "name": name,
                "protocol": "TCP",
                "lb_algorithm": "ROUND_ROBIN",
                "members": [member(1), member(2)],
            },
        }],
    }})
}

/// Makes one after the other until the daemon is gone, and says which were answered for.
fn write(socket: &std::path::Path, from: usize, stops: &AtomicBool) -> Vec<usize> {
    let made = |number: &usize| {
        let answer: Result<Response> = request(socket, "POST", "/loadbalancers", Some(&whole(*number)));
        !stops.load(Ordering::Relaxed) && answer.is_ok_and(|answer| answer.status == 201)
    };
    (from..from + 1_000_000).take_while(made).collect()
}

#[test]
fn each_write_that_was_answered_outlives_a_kill_and_none_is_there_by_half() -> Result<()> {
    let mut keeper = Keeper::new()?;
    keeper.start()?;
    let (mut answered, mut begun) = (Vec::new(), 0);
    for kill in 0..KILLS {
        let stops = AtomicBool::new(false);
        let socket = keeper.socket();
        let before = answered.len();
        let written = thread::scope(|scope| -> Result<Vec<usize>> {
            let writer = scope.spawn(|| write(&socket, begun, &stops));
            // At another point of a write each time.
            thread::sleep(Duration::from_millis(40 + 7 * kill as u64));
            keeper.kill()?;
            stops.store(true, Ordering::Relaxed);
            writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))
        })?;
        answered.extend(&written);
        // The last one was begun, and not answered.
        begun += written.len() + 1;
        keeper.start()?;
        let balancers = keeper.all("/loadbalancers", "loadbalancers")?;
        let names: Vec<usize> = balancers
            .iter()
            .map(|balancer| Ok(balancer["name"].as_str().context("no name")?.parse()?))
            .collect::<Result<_>>()?;
        let missing: Vec<_> = answered.iter().filter(|number| !names.contains(number)).collect();
        ensure!(missing.is_empty(), "answered for, and gone: {missing:?}");
        ensure!(names.len() <= begun, "{names:?}");
        // Of each all is there.
        let count = names.len();
        for (path, name) in [("/listeners", "listeners"), ("/pools", "pools")] {
            let found = keeper.all(path, name)?.len();
            ensure!(found == count, "{found} {name} of {count} load balancers");
        }
        for pool in keeper.all("/pools", "pools")? {
            ensure!(
                pool["members"]
                    .as_array()
                    .is_some_and(|members| members.len() == 2),
                "{pool}"
            );
        }
        ensure!(
            balancers
                .iter()
                .all(|balancer| balancer["provisioning_status"] == "ACTIVE"),
            "{balancers:?}"
        );
        println!("{} writes before kill {kill}", answered.len() - before);
    }
    ensure!(
        answered.len() > KILLS,
        "hardly anything was written: {answered:?}"
    );
    Ok(())
}
