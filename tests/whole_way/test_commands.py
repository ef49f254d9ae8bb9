"""Commands as an operator runs them: real processes, beside a worker."""


def test_check_channels_looks_now_and_prints_what_was_seen(place, processes):
    processes.worker()  # no beat: the command rings

    connected = processes.manage("check_channels", "--channel", place.channel.pk)
    place.phone.logs_out()
    dropped = processes.manage("check_channels", "--channel", place.channel.pk)

    assert (connected.returncode, dropped.returncode) == (0, 0), connected.stderr + dropped.stderr
    assert "open" in row_of(place.channel, connected.stdout)
    assert "close" in row_of(place.channel, dropped.stdout)


def row_of(channel, table: str) -> list[str]:
    (row,) = [line.split() for line in table.splitlines()[1:]]
    assert row[0] == str(channel.pk)
    return row
