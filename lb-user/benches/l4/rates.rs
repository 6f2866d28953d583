//! What clients notice: request/response and connect rates over TCP, through plain forwarding by the kernel, through an
//! nftables balancer, and through Holdfast. All three stand side by side and take turns.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Stdio,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use lb_tests::{Config, Daemon, Family, Laboratory, Namespace, Pool, Protocol};
use socket2::SockRef;

use super::report::{Report, Row, median};

/// What the names of these cases begin with.
pub(crate) const NAME: &str = "l4/rate";

const ROUNDS: usize = 5;
const EXCHANGES: u32 = 5000;
const CONNECTIONS: u32 = 2000;
const MEMBER_PORT: u16 = 8080;
const VIP_PORT: u16 = 80;
const PATIENCE: Duration = Duration::from_secs(10);
/// What is asked and answered; the other ends the server.
const QUESTION: u8 = b'?';
const END: u8 = b'.';

/// A way from the client to the member, with all that keeps it.
struct Way {
    name: &'static str,
    to: SocketAddr,
    rates: [Vec<f64>; 2],
    server: Option<JoinHandle<()>>,
    _daemon: Option<Daemon>,
    lab: Laboratory,
}

/// Gives so many a second.
type Measure = fn(SocketAddr) -> Result<f64>;

const MEASURES: [(&str, Measure); 2] = [("rr", exchanges), ("connect", connections)];

/// Measures all ways, in turns.
pub(crate) fn measure(report: &mut Report) -> Result<()> {
    let mut ways = [Way::forwarding()?, Way::nftables()?, Way::holdfast()?];
    for _ in 0..ROUNDS {
        for way in &mut ways {
            way.round().with_context(|| way.name)?;
        }
    }
    for (index, (measure, _)) in MEASURES.iter().enumerate() {
        let base = format!("{NAME}/{measure}/{}", ways[0].name);
        for way in &ways {
            let rate = median(way.rates[index].clone());
            let row = Row::new(format!("{NAME}/{measure}/{}", way.name), rate, "1/s");
            let row = match report.value(&base) {
                Some(base_rate) => row.against(rate / base_rate, base.clone()),
                None => row,
            };
            report.add(row);
        }
    }
    Ok(())
}

impl Way {
    /// The client asks the member itself; the balancer is a router.
    fn forwarding() -> Result<Self> {
        let lab = Laboratory::routed().members(1).build()?;
        let to = SocketAddr::new(lab.member_address(1, Family::V4), MEMBER_PORT);
        Self::new("forwarding", lab, to, None)
    }

    fn nftables() -> Result<Self> {
        let lab = Laboratory::routed().members(1).build()?;
        let (vip, member) = (lab.vip(Family::V4), lab.member_address(1, Family::V4));
        let rules = [
            "table ip balancer {".to_owned(),
            "chain in {".to_owned(),
            "type nat hook prerouting priority dstnat;".to_owned(),
            format!("ip daddr {vip} tcp dport {VIP_PORT} dnat to {member}:{MEMBER_PORT}"),
            "}".to_owned(),
            "chain out {".to_owned(),
            "type nat hook postrouting priority srcnat;".to_owned(),
            format!("ip daddr {member} masquerade"),
            "}".to_owned(),
            "}\n".to_owned(),
        ]
        .join("\n");
        run_nft(lab.balancer(), &rules)?;
        Self::new("nftables", lab, SocketAddr::new(vip, VIP_PORT), None)
    }

    fn holdfast() -> Result<Self> {
        let lab = Laboratory::routed().members(1).build()?;
        let vip = SocketAddr::new(lab.vip(Family::V4), VIP_PORT);
        let member = SocketAddr::new(lab.member_address(1, Family::V4), MEMBER_PORT);
        let config = Config::new()
            .listener(Protocol::Tcp, vip, "pool")
            .pool(Pool::new("pool").member("member", member, 1));
        let daemon = Daemon::start(&lab, config)?;
        Self::new("holdfast", lab, vip, Some(daemon))
    }

    fn new(name: &'static str, lab: Laboratory, to: SocketAddr, daemon: Option<Daemon>) -> Result<Self> {
        let listener = lab
            .member_namespace(1)
            .enter(|| TcpListener::bind(("0.0.0.0", MEMBER_PORT)))??;
        Ok(Self {
            name,
            to,
            rates: Default::default(),
            server: Some(std::thread::spawn(move || serve(&listener))),
            _daemon: daemon,
            lab,
        })
    }

    fn round(&mut self) -> Result<()> {
        for (rates, (_, measure)) in self.rates.iter_mut().zip(MEASURES) {
            rates.push(self.lab.client_namespace().enter(|| measure(self.to))??);
        }
        Ok(())
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        let told = self
            .lab
            .client_namespace()
            .enter(|| ask(&mut connect(self.to)?, END));
        // Without an answer the thread ends with the process.
        if let (Ok(Ok(())), Some(server)) = (told, self.server.take()) {
            let _ = server.join();
        }
    }
}

/// Answers one connection after another with what it is sent.
fn serve(listener: &TcpListener) {
    while let Ok((mut stream, _)) = listener.accept() {
        let mut byte = [0];
        while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {
            if byte == [END] {
                return;
            }
        }
    }
}

fn connect(to: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // Closed by a reset: thousands of ports would wait for stray packets.
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    Ok(stream)
}

fn ask(stream: &mut TcpStream, question: u8) -> Result<()> {
    let mut answer = [0];
    stream.write_all(&[question])?;
    stream.read_exact(&mut answer)?;
    ensure!(answer == [question], "another answer");
    Ok(())
}

/// Questions and answers a second over one connection.
fn exchanges(to: SocketAddr) -> Result<f64> {
    let mut stream = connect(to)?;
    let started = Instant::now();
    for _ in 0..EXCHANGES {
        ask(&mut stream, QUESTION)?;
    }
    Ok(f64::from(EXCHANGES) / started.elapsed().as_secs_f64())
}

/// Connections a second, one after another, with a question each.
fn connections(to: SocketAddr) -> Result<f64> {
    let started = Instant::now();
    for _ in 0..CONNECTIONS {
        ask(&mut connect(to)?, QUESTION)?;
    }
    Ok(f64::from(CONNECTIONS) / started.elapsed().as_secs_f64())
}

fn run_nft(namespace: &Namespace, rules: &str) -> Result<()> {
    let mut nft = namespace
        .command("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot run `nft`")?;
    if let Some(mut stdin) = nft.stdin.take() {
        stdin.write_all(rules.as_bytes())?;
    }
    ensure!(nft.wait()?.success(), "nft refused the rules");
    Ok(())
}
