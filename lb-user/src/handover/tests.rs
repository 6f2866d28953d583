use std::{net::TcpListener, path::Path};

use tokio::{net::UnixListener, task};

use super::*;
use crate::{control::Command, health::Finding, model::DaemonSettings};

const PINS: &str = "/sys/fs/bpf/holdfast";

fn settings(control_socket: &Path) -> DaemonSettings {
    DaemonSettings {
        control_socket: control_socket.to_owned(),
        pin_path: PINS.into(),
        ..DaemonSettings::default()
    }
}

/// The successor that asks at `listener`, as the control socket would make it.
async fn asked(listener: &UnixListener) -> Successor {
    use tokio::io::AsyncReadExt as _;
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        line.push(stream.read_u8().await.unwrap());
    }
    match serde_json::from_slice(&line).unwrap() {
        Command::HandOver { pin_path, dataplane } => Successor::new(stream, pin_path, dataplane),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn sockets_and_health_go_from_one_daemon_to_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let listener = UnixListener::bind(&path).unwrap();
    // More than fit into one message.
    let sockets: Vec<TcpListener> = (0..MOST_AT_ONCE + 2)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let addresses: Vec<_> = sockets
        .iter()
        .map(|socket| socket.local_addr().unwrap())
        .collect();
    let mut health = Health::default();
    let reason = "connection refused".to_owned();
    health.set("web", "member1", Finding::Down { reason });
    health.set("web", "member2", Finding::Up);
    let next = task::spawn_blocking(move || {
        let mut predecessor = Predecessor::ask(&settings(&path), DataPlane::Noop).unwrap();
        let sockets = predecessor.take_sockets();
        let mut health = Health::default();
        predecessor.tell_health(&mut health);
        predecessor.release().unwrap();
        (predecessor, sockets, health)
    });
    let mut successor = asked(&listener).await;
    assert_eq!(successor.pin_path(), Path::new(PINS));
    assert_eq!(successor.dataplane(), DataPlane::Noop);
    successor.give(sockets.iter(), &health).await.unwrap();
    successor.ready().await.unwrap();
    successor.released().await.unwrap();
    let (predecessor, got, found) = next.await.unwrap();
    let got: Vec<_> = got.iter().map(|socket| socket.local_addr().unwrap()).collect();
    assert_eq!(got, addresses);
    assert_eq!(found.why_down("web", "member1"), Some("connection refused"));
    assert!(found.is_up("web", "member2"));
    let mut gone = Some(predecessor.part().unwrap());
    successor.serving().await.unwrap();
    // What becomes of sessions afterwards.
    let mut heir = successor.part();
    let many = vec![7; 100_000];
    for changes in [vec![1, 2, 3], Vec::new(), many.clone()] {
        heir.tell(changes);
    }
    assert_eq!(Retiring::next(&mut gone).await, Some(vec![1, 2, 3]));
    assert_eq!(Retiring::next(&mut gone).await, Some(many));
    heir.end().await;
    assert_eq!(Retiring::next(&mut gone).await, None);
    assert!(gone.is_none());
}

#[tokio::test]
async fn a_successor_that_is_refused_hears_why() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let next = task::spawn_blocking(move || Predecessor::ask(&settings(&path), DataPlane::Noop).map(drop));
    let successor = asked(&listener).await;
    successor.refuse("not today".to_owned()).await.unwrap();
    let refused = format!("{:#}", next.await.unwrap().unwrap_err());
    assert!(
        refused.ends_with("control.sock does not hand over: not today"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_successor_that_goes_away_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let next = task::spawn_blocking(move || Predecessor::ask(&settings(&path), DataPlane::Noop).map(drop));
    let mut successor = asked(&listener).await;
    successor.give([].iter(), &Health::default()).await.unwrap();
    next.await.unwrap().unwrap();
    let reason = successor.ready().await.unwrap_err();
    assert_eq!(reason.kind(), std::io::ErrorKind::UnexpectedEof);
}
