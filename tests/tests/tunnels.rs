//! Members that are reached inside other packets, and answer the client themselves.

use std::net::SocketAddr;

use anyhow::Result;
use lb_tests::{Config, Daemon, Family, Laboratory, Member, Pool, Protocol, Services};

/// The ports of the listeners whose members are of the VIP's family, and of the other one.
const PORTS: [u16; 2] = [8080, 8081];

struct Scene {
    _daemon: Daemon,
    members: Vec<Member>,
    lab: Laboratory,
}

impl Scene {
    fn start() -> Result<Self> {
        let lab = Laboratory::flat().members(2).vips_on_members().build()?;
        let members = lab.serve_all(&Services::new().tcp(PORTS).udp(PORTS).tunnels())?;
        let mut config = Config::new();
        for vip in Family::BOTH {
            for (member, port) in [vip, other(vip)].into_iter().zip(PORTS) {
                let name = format!("{vip:?} in {member:?}");
                for protocol in Protocol::BOTH {
                    config = config.listener(protocol, SocketAddr::new(lab.vip(vip), port), &name);
                }
                config = config.pool(Pool::new(&name).forwarding("ipip").all(&members, member, port));
            }
        }
        Ok(Self {
            _daemon: Daemon::start(&lab, config)?,
            members,
            lab,
        })
    }

    /// Each VIP with each family of members behind it.
    fn vips(&self) -> impl Iterator<Item = SocketAddr> {
        let vips = Family::BOTH.map(|family| self.lab.vip(family));
        vips.into_iter()
            .flat_map(|vip| PORTS.map(|port| SocketAddr::new(vip, port)))
    }
}

fn other(family: Family) -> Family {
    match family {
        Family::V4 => Family::V6,
        Family::V6 => Family::V4,
    }
}

#[test]
fn with_ipip_a_member_of_either_family_sees_the_client_and_answers_it_straight() -> Result<()> {
    let scene = Scene::start()?;
    for vip in scene.vips() {
        for protocol in Protocol::BOTH {
            let mut turns = [0; 2];
            for index in 0..12 {
                let source = Family::of(vip.ip()).source(index);
                let flow = scene.lab.client().open(protocol, Some(source), vip)?;
                let answer = flow.ask()?;
                assert_eq!(answer.peer, answer.local, "{protocol} {vip}");
                let is_it = |member: &Member| member.name() == answer.member;
                turns[scene.members.iter().position(is_it).expect("a member")] += 1;
                for _ in 0..5 {
                    assert_eq!(flow.ask()?, answer, "the flow stays");
                }
            }
            assert_eq!(turns, [6, 6], "{protocol} {vip}");
        }
    }
    Ok(())
}
