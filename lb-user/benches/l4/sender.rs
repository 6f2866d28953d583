//! Sends packets: test runs of the benchmark's own program, which goes on to what is measured.

use anyhow::{Context as _, Result, ensure};
use aya::{
    Ebpf,
    maps::{Array, MapData, ProgramArray},
    programs::{TestRun as _, TestRunOptions, Xdp, XdpMode},
};

use super::{
    case::Case,
    frame::{self, FIRST_CLIENT, Flags, LENGTH},
};

/// The interface that packets of a test run come from: `lo`.
pub(crate) const INGRESS: u32 = 1;

static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("HOLDFAST_BENCH"));

/// The bytes of a frame that are made new for each packet.
const HEAD: usize = 80;
/// The program's `Course`: the head and eight numbers.
const COURSE: usize = HEAD + size_of::<[u32; 8]>();
const XDP_TX: u32 = 3;

/// The program that only sends the frame back.
const FLOOR: &str = "bench_floor";
/// The program that makes the frame that of the next client.
const CLIENT: &str = "bench_client";

/// The packets to send.
#[derive(Clone, Copy)]
pub(crate) struct Course {
    head: [u8; HEAD],
    is_v6: bool,
    /// The last word of the first client's address.
    pub(crate) first_client: u32,
    pub(crate) clients: u32,
    /// Their source port.
    pub(crate) port: u32,
    /// What it grows by with each round over all clients.
    pub(crate) port_step: u32,
}

impl Course {
    /// A packet of each of the case's clients, over and over.
    pub(crate) fn new(case: &Case, flags: Flags, port: u32) -> Self {
        let mut head = [0; HEAD];
        head.copy_from_slice(&frame::frame(case, flags)[..HEAD]);
        Self {
            head,
            is_v6: case.traffic.is_v6(),
            first_client: FIRST_CLIENT,
            clients: case.size.0,
            port,
            port_step: 0,
        }
    }

    fn bytes(&self) -> [u8; COURSE] {
        let mut bytes = [0; COURSE];
        bytes[..HEAD].copy_from_slice(&self.head);
        let numbers = [
            LENGTH as u32,
            self.is_v6.into(),
            self.first_client,
            self.clients,
            self.port,
            self.port_step,
        ];
        for (to, number) in bytes[HEAD..].chunks_exact_mut(size_of::<u32>()).zip(numbers) {
            to.copy_from_slice(&number.to_ne_bytes());
        }
        bytes
    }
}

/// The loaded programs.
pub(crate) struct Sender {
    ebpf: Ebpf,
    course: Array<MapData, [u8; COURSE]>,
    target: ProgramArray<MapData>,
}

impl Sender {
    /// Loads them, and attaches them to two interfaces that are down: a program that is attached nowhere is entered into
    /// the kernel's dispatcher for each test run, which then takes tens of milliseconds.
    pub(crate) fn load(idle: [&str; 2]) -> Result<Self> {
        let mut ebpf = Ebpf::load(OBJECT)?;
        for (name, interface) in [FLOOR, CLIENT].into_iter().zip(idle) {
            let program: &mut Xdp = ebpf.program_mut(name).context(name)?.try_into()?;
            program.load()?;
            program.attach(interface, XdpMode::Driver)?;
        }
        let course = Array::try_from(ebpf.take_map("COURSE").context("COURSE")?)?;
        let target = ProgramArray::try_from(ebpf.take_map("TARGET").context("TARGET")?)?;
        Ok(Self { ebpf, course, target })
    }

    /// From now on the packets are these, from the first client on.
    pub(crate) fn set(&mut self, course: &Course) -> Result<()> {
        Ok(self.course.set(0, course.bytes(), 0)?)
    }

    /// From now on the packets go to this program; without one they are only sent back.
    ///
    /// Changing this takes the kernel a while: it writes the jump into the program.
    pub(crate) fn aim(&mut self, datapath: Option<&Xdp>) -> Result<()> {
        let target = match datapath {
            Some(program) => program,
            None => self.ebpf.program(FLOOR).context(FLOOR)?.try_into()?,
        };
        Ok(self.target.set(0, target.fd()?, 0)?)
    }

    /// Sends packets; the nanoseconds that one takes, with what making it takes.
    pub(crate) fn send(&self, packets: u32) -> Result<f64> {
        self.run(CLIENT, packets)
    }

    /// The nanoseconds of a test run that only sends the frame back.
    pub(crate) fn floor(&self, packets: u32) -> Result<f64> {
        self.run(FLOOR, packets)
    }

    fn run(&self, program: &str, packets: u32) -> Result<f64> {
        let program: &Xdp = self.ebpf.program(program).context("program")?.try_into()?;
        let frame = [0; LENGTH];
        let mut out = [0; 2 * LENGTH];
        let options = TestRunOptions {
            data_in: Some(&frame),
            data_out: Some(&mut out),
            repeat: packets,
            ..TestRunOptions::new()
        };
        let result = program.test_run(options)?;
        ensure!(result.return_value == XDP_TX, "verdict {}", result.return_value);
        Ok(result.duration.as_secs_f64() * 1e9)
    }
}
