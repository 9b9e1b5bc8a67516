//! A simulator, a data directory, and the program run on them with a clean environment.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use serde_json::Value;
use simulator::{Clock, Config, Running, Simulator, World};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// A running simulator with an empty data directory beside it.
pub(crate) struct Scene {
    running: Running,
    folder: TempDir,
    data: PathBuf,
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Scene {
    pub(crate) async fn new(config: Config) -> Self {
        let running = Simulator::start(config, Clock::system(), ([127, 0, 0, 1], 0).into()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        Self { running, folder, data }
    }

    /// One small, clean organization.
    pub(crate) async fn small() -> Self {
        Self::new(Config::single(25, 15, 4, 3)).await
    }

    pub(crate) fn world(&self) -> Arc<World> {
        self.running.world()
    }

    pub(crate) fn url(&self) -> String {
        self.running.url()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.data.clone()
    }

    /// The same with another data directory.
    pub(crate) fn at(mut self, data: PathBuf) -> Self {
        self.data = data;
        self
    }

    /// Writes a file beside the data directory, e.g. a key.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = program(self.folder.path());
        command.arg("--data-dir").arg(self.data_dir()).arg("--allow-loopback-upstream").args(args);
        command
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Ended {
        end_of(self.command(args), "").await
    }

    /// Runs the program with something on standard input.
    pub(crate) async fn run_with_input(&self, args: &[&str], input: &str) -> Ended {
        end_of(self.command(args), input).await
    }

    /// Links the first organization with its read-only key under the name `Acme`.
    pub(crate) async fn connected(self) -> Self {
        let key = self.world().credentials(0).read_only;
        self.connected_by(&key).await
    }

    /// The same with another key.
    pub(crate) async fn connected_by(self, key: &str) -> Self {
        let key = self.file("key.txt", key);
        let ended = self
            .run(&["connection", "add", "Acme", "--api-url", &self.url(), "--api-key-file", key.to_str().unwrap()])
            .await;
        assert_eq!(ended.code, 0, "{ended:?}");
        self
    }

    /// Links and syncs.
    pub(crate) async fn synced(self) -> Self {
        let scene = self.connected().await;
        let ended = scene.run(&["sync", "--stream", "inventory"]).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        scene
    }

    /// One number that a query answers.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        let ended = self.run(&["sql", sql, "--output", "json"]).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        let rows = ended.json();
        rows[0].as_object().unwrap().values().next().unwrap().as_i64().unwrap()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.running.world().writes_attempted(), 0, "something tried to write to JumpCloud");
        }
    }
}

impl Ended {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }
}

impl Ended {
    /// What `status` says of the first connection's stream of this name.
    pub(crate) fn stream(&self, name: &str) -> Value {
        let all = self.json();
        all.as_array().unwrap().iter().find(|stream| stream["stream"] == name).unwrap().clone()
    }
}

/// The program that is looked at: the one that was built for the tests, or the one that `JUMPSEAT_TEST_PROGRAM` names, e.g. as
/// it is released.
pub(crate) fn path_of_program() -> PathBuf {
    std::env::var_os("JUMPSEAT_TEST_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_jumpseat").into(), PathBuf::from)
}

/// The program in a clean environment, with `home` as its home directory.
pub(crate) fn program(home: &Path) -> Command {
    let mut command = Command::new(path_of_program());
    command
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("USER", "tester")
        .current_dir(home)
        .kill_on_drop(true);
    command
}

pub(crate) async fn end_of(mut command: Command, input: &str) -> Ended {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that does not read its input closes the pipe; that is its right.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
