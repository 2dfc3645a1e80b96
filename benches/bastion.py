"""A private OpenSSH server in front of the benchmark's database (see scripts/bastion, which only root can run)."""

import os
import pathlib
import shutil
import subprocess
import tempfile


class Bastion:
    """Lives as long as this object."""

    def __init__(self, port):
        self.port = port
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="destination-postgres-bastion."))
        key = self.directory / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)], check=True)
        self.key = key.read_text()
        (self.directory / "password").write_text(os.urandom(16).hex())
        (self.directory / "authorized_keys").write_text(key.with_suffix(".pub").read_text())
        self.process = subprocess.Popen(
            ["scripts/bastion", "run", str(self.directory), str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )
        ready, _, self.user = self.process.stdout.readline().strip().partition(" ")
        if ready != "ready":
            raise SystemExit("bench: the bastion does not start")
        version = subprocess.run([shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin"), "-V"],
                                 stderr=subprocess.PIPE, text=True)
        lines = [line for line in version.stderr.splitlines() if line.startswith("OpenSSH")]
        self.version = lines[0].split(",")[0].split()[0] if lines else "OpenSSH"

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def tunnel(self):
        """The member of a configuration that leads through it."""
        host_key = (self.directory / "host_ed25519.pub").read_text().split()
        return {
            "tunnel_method": "SSH_KEY_AUTH", "tunnel_host": "127.0.0.1", "tunnel_port": self.port,
            "tunnel_user": self.user, "ssh_key": self.key,
            "tunnel_host_key": f"[127.0.0.1]:{self.port} {host_key[0]} {host_key[1]}",
        }

    def cpu_seconds(self):
        """What the server has used so far, with all its sessions, also those that are gone."""
        ticks, parents = {}, {}
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                parents[int(entry.name)] = int(fields[1])
                ticks[int(entry.name)] = sum(map(int, fields[11:15]))
        ours = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in ours and pid not in ours}:
            ours |= more
        return sum(ticks.get(pid, 0) for pid in ours) / os.sysconf("SC_CLK_TCK")
