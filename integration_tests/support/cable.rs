//! A network of two: the tests' side and a namespace for one program, with a cable between them that can be cut.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use super::keeper::Keeper;

/// Lays the cable and takes everything away when stdin closes. Cut on the far side, it leaves our routes as they are:
/// packets vanish, and nobody is told.
const KEEPER: &str = r#"
    name=$1 net=$2
    PATH=$PATH:/usr/sbin:/sbin
    losing=
    trap '[ -z "$losing" ] || { kill $losing; wait $losing; } 2>/dev/null; ip link del "$name"; ip netns del "$name"' EXIT
    { ip netns add "$name" &&
        ip link add "$name" type veth peer name far netns "$name" &&
        ip addr add "$net.1/24" dev "$name" &&
        ip link set "$name" up &&
        ip -n "$name" addr add "$net.2/24" dev far &&
        ip -n "$name" link set far up &&
        ip -n "$name" link set lo up; } >&2 || exit
    echo laid
    lose() {
        while :; do
            ip -n "$name" link set far down && sleep 0.05
            ip -n "$name" link set far up && sleep 0.1
        done
    }
    while read -r word; do
        case $word in
            cut) ip -n "$name" link set far down ;;
            join) ip -n "$name" link set far up ;;
            lose) lose & losing=$! ;;
        esac
        echo "$word"
    done
"#;

/// A cable; it goes with this value, or with this process.
pub struct Cable {
    name: String,
    net: String,
    keeper: Keeper,
}

impl Cable {
    /// Lays one.
    ///
    /// # Errors
    /// A sentence where this machine does not let us.
    pub fn lay() -> Result<Self, String> {
        if fs::metadata("/proc/self").is_ok_and(|process| process.uid() != 0) {
            return Err("only root may make a network namespace with a cable to it: run this test as root".into());
        }
        let name = format!("cable{}", fastrand::u32(10_000..1_000_000));
        let net = format!("10.{}.{}", fastrand::u8(200..=250), fastrand::u8(..));
        let (keeper, line) = Keeper::start(Command::new("bash").args(["-c", KEEPER, "keeper", &name, &net]));
        if line != "laid" {
            return Err("this machine lets root make no network namespace with a cable (see stderr; it takes the \
                        package iproute2 and the privilege CAP_NET_ADMIN, which a container may lack)"
                .into());
        }
        Ok(Self { name, net, keeper })
    }

    /// The address on our side.
    pub fn here(&self) -> String {
        format!("{}.1", self.net)
    }

    /// The words that run a program on the far side.
    pub fn beyond(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }

    /// Cuts it.
    pub fn cut(&mut self) {
        self.keeper.tell("cut");
    }

    /// Mends it.
    pub fn join(&mut self) {
        self.keeper.tell("join");
    }

    /// From now on it is cut for a third of the time, some times a second.
    pub fn lose(&mut self) {
        self.keeper.tell("lose");
    }
}
