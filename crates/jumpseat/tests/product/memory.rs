//! Memory does not follow the number of events: collected, exported and archived.

use std::process::Stdio;

use simulator::{Config, EventSpec};

use crate::events::hours_ago;
use crate::support::Scene;

/// The most memory of any process, in MiB: what a small machine has to spare (for an export, 200).
const MOST: u64 = 256;
const MOST_OF_AN_EXPORT: u64 = 200;

/// Runs the program and tells its largest memory in MiB, as the kernel notes it.
async fn peak(scene: &Scene, args: &[&str]) -> Option<u64> {
    const WATCH: &str = "import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let program = scene.command(args);
    let program = program.as_std();
    let mut watch = std::process::Command::new("python3");
    watch.args(["-c", WATCH]).arg(program.get_program()).args(program.get_args()).stdin(Stdio::null());
    watch.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let watched = tokio::process::Command::from(watch).stderr(Stdio::inherit()).output().await;
    let Ok(watched) = watched else {
        assert!(std::env::var("JUMPSEAT_REQUIRE_ALL").is_err(), "python3 can not be used, and it is required");
        println!("skipped: python3 is needed to see the memory of a process");
        return None;
    };
    let told = String::from_utf8(watched.stdout).unwrap();
    let (code, kib) = told.trim().split_once(' ').unwrap_or_else(|| panic!("not two numbers: {told:?}"));
    assert_eq!(code, "0", "{args:?}");
    Some(kib.parse::<u64>().unwrap() / 1024)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_collected_exported_and_archived_in_little_memory() {
    let mut config = Config::single(200, 100, 6, 4);
    config.organizations[0].events = EventSpec::steady(5_000);
    let scene = Scene::new(config).await.connected().await;
    let lake = scene.file("here", "").with_file_name("lake");
    assert_eq!(scene.run(&["archive", "add", "lake", lake.to_str().unwrap()]).await.code, 0);
    let mut peaks: Vec<Vec<u64>> = Vec::new();
    for hours in [2, 8] {
        let since = hours_ago(hours).to_string();
        let mut of_size = Vec::new();
        for (args, most) in [
            (&["sync", "--stream", "events", "--since", &since][..], MOST),
            (&["event", "export", "-o", "raw"], MOST_OF_AN_EXPORT),
            (&["event", "export", "-o", "ocsf"], MOST_OF_AN_EXPORT),
            (&["event", "export", "-o", "parquet"], MOST),
            (&["archive", "run"], MOST),
        ] {
            let Some(peak) = peak(&scene, args).await else { return };
            assert!(peak < most, "{args:?} of {hours} hours took {peak} MiB");
            of_size.push(peak);
        }
        peaks.push(of_size);
    }
    println!("memory in MiB: {peaks:?}");
    assert!(scene.count("SELECT COUNT(*) FROM events").await > 35_000);
    // Four times as many events: what follows their number is not much.
    let grew = peaks[0].iter().zip(&peaks[1]).take(3).all(|(few, many)| *many <= few * 3 / 2 + 20);
    assert!(grew, "{peaks:?}");
}
