//! The example `http_server`: what it prints, and what becomes of requests when it is sent signals.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![cfg(unix)]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{sleep, timeout};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn example() -> &'static Path {
    static EXAMPLE: LazyLock<PathBuf> = LazyLock::new(|| common::example::built("http_server"));
    &EXAMPLE
}

struct Server {
    process: Child,
    stdout: BufReader<ChildStdout>,
    url: String,
}

impl Server {
    async fn start(grace: &str) -> Self {
        let mut process = Command::new(example())
            .args(["--serve", "127.0.0.1:0", "--grace", grace])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).await.unwrap();
        let url =
            line.trim_end().strip_prefix("listening on ").expect("the server says where it is").to_owned();
        Self { process, stdout, url }
    }

    fn send(&self, signal: Signal) {
        let id = self.process.id().unwrap();
        kill_process(Pid::from_raw(id.try_into().unwrap()).unwrap(), signal).unwrap();
    }

    async fn has_begun(&self, requests: usize) {
        let begun = || async { client().get(format!("{}/begun", self.url)).send().await?.text().await };
        while begun().await.unwrap().parse::<usize>().unwrap() < requests {
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Its exit status, and what it has said since it began to listen.
    async fn ended(mut self) -> Output {
        let mut stdout = Vec::new();
        timeout(PATIENCE, self.stdout.read_to_end(&mut stdout)).await.expect("the server ends").unwrap();
        Output { stdout, ..self.process.wait_with_output().await.unwrap() }
    }
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn get(client: &Client, url: &str) -> reqwest::Result<String> {
    client.get(url).send().await?.error_for_status()?.text().await
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn the_trial_prints_what_the_repository_says() {
    let trial = Command::new(example()).kill_on_drop(true).output();
    let trial = timeout(PATIENCE * 2, trial).await.expect("the trial ends").unwrap();
    assert_eq!(
        text(&trial.stdout),
        include_str!("../examples/data/http_server.out"),
        "{}",
        text(&trial.stderr)
    );
    assert!(trial.status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_never_pause_are_answered_whatever_was_begun() {
    let server = Server::start("30").await;
    let answered = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..32)
        .map(|number| {
            let (url, answered) = (format!("{}/work/{}", server.url, number % 8), Arc::clone(&answered));
            tokio::spawn(async move {
                let client = client();
                // Until the server takes no more requests.
                while let Ok(answer) = get(&client, &url).await {
                    assert_eq!(answer, "done\n");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    server.has_begun(2_000).await;
    server.send(Signal::TERM);
    for client in clients {
        timeout(PATIENCE, client).await.expect("the clients end").unwrap();
    }
    let output = server.ended().await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let answered = answered.load(Ordering::Relaxed);
    assert!(answered >= 2_000 - 32, "{answered}");
    assert_eq!(text(&output.stdout), format!("requests begun: {answered}\nin the journal: {answered}\n"));
}

#[tokio::test]
async fn a_request_that_takes_longer_than_the_grace_time_is_cut_and_the_server_says_so() {
    let server = Server::start("1").await;
    let url = format!("{}/work/3600000", server.url);
    let request = tokio::spawn(async move { get(&client(), &url).await });
    server.has_begun(1).await;
    server.send(Signal::INT);
    let output = server.ended().await;
    assert!(request.await.unwrap().is_err());
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "");
    assert_eq!(
        text(&output.stderr),
        "error: at the end of the grace time of 1s, the body had not ended and was aborted\n"
    );
}

#[tokio::test]
async fn a_second_signal_ends_the_grace_time() {
    let server = Server::start("3600").await;
    let url = format!("{}/work/3600000", server.url);
    let request = tokio::spawn(async move { get(&client(), &url).await });
    server.has_begun(1).await;
    server.send(Signal::INT);
    // It has seen the first one when it takes no more connections.
    while get(&client(), &format!("{}/begun", server.url)).await.is_ok() {
        sleep(Duration::from_millis(5)).await;
    }
    server.send(Signal::INT);
    let output = server.ended().await;
    assert!(request.await.unwrap().is_err());
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Command::new(example()).args(["--serve", &address]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let complaint = format!("error: cannot listen on {address}: ");
    assert!(text(&output.stderr).starts_with(&complaint), "{}", text(&output.stderr));
}
