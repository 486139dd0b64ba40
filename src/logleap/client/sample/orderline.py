"""The application of the sample log: five days of an invented one, the same entries for the same seed.

It is the controller of a warehouse's order line, written in .NET: orders that run through the line, readings
of sensors, nightly jobs, and a few incidents. Nothing in it is real.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

SEED = 20260302
MONDAY = datetime.fromisoformat("2026-03-02T00:00:00+01:00")

SECOND = 1000  # all times here are milliseconds since Monday, midnight
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

FIRST_START = 6 * HOUR + 212
EMERGENCY_STOP = (1 * DAY + 16 * HOUR + 20 * MINUTE + 41_208, 1 * DAY + 16 * HOUR + 27 * MINUTE + 13_690)
OUTAGE = (2 * DAY + 10 * HOUR + 42 * MINUTE + 17_412, 2 * DAY + 10 * HOUR + 51 * MINUTE + 5_873)
MAINTENANCE = (3 * DAY + 13 * HOUR + 53 * MINUTE + 10_233, 3 * DAY + 14 * HOUR + 7 * MINUTE + 2_784)
SPEED_REDUCED = 4 * DAY + 8 * HOUR + 20 * MINUTE + 27_951
END = 4 * DAY + 14 * HOUR

# Orders an hour, for each hour of the day: two shifts with a break each, quiet nights.
ORDERS_PER_HOUR = (1, 0, 0, 0, 0, 2, 9, 13, 15, 9, 15, 13, 6, 12, 10, 13, 14, 12, 6, 10, 8, 5, 2, 1)

ARTICLES = (
    "Schraube M6×20", "Dübel Ø 8 mm", "Türgriff weiß", "Größe XL Schutzhandschuhe", "Kabel 3 × 2,5 mm²",
    "Żarówka LED 9 W", "Śruba oczkowa", "Łącznik kątowy 90°", "Klej montażowy", "ラベル用紙 A6",
    "段ボール箱 M", "Spannungsprüfer", "Cable tie 200 mm", "Fusible 10 A (boîte de 50)", "Pilha 1,5 V",
)  # fmt: skip
NOTES = (
    "Schicht übergeben, alles läuft ✅", "Förderband 2 gereinigt 🧹", "Zmiana przekazana, bez uwag 👍",
    "Gabelstapler an Tor 4, Weg frei halten ⚠️", "ラベル用紙を補充しました", "Waage 1 geeicht: ±2 g",
    "Brakuje kartonów na stanowisku 5", "Süßigkeiten für die Nachtschicht stehen bereit 🍬",
)  # fmt: skip

NO_CONNECTION = """\
OrderLine.Storage.StorageException: {what}: no connection to db-01.plant.example:5432
 ---> System.Net.Sockets.SocketException (111): Connection refused
   at System.Net.Sockets.Socket.DoConnect(EndPoint endPointSnapshot, SocketAddress socketAddress)
   at System.Net.Sockets.Socket.Connect(EndPoint remoteEP)
   at OrderLine.Storage.ConnectionPool.Open(String host, Int32 port) in /build/ConnectionPool.cs:line 88
   --- End of inner exception stack trace ---
   at OrderLine.Storage.ConnectionPool.Rent(TimeSpan patience) in /build/ConnectionPool.cs:line 54
   at OrderLine.{caller}"""
SAVING = """\
Storage.OrderRepository.SaveAsync(Order order) in /build/OrderRepository.cs:line 142
   at OrderLine.Intake.OrderReceiver.HandleAsync(Message message) in /build/OrderReceiver.cs:line 61"""
CHECKING = "Storage.HealthCheck.PingAsync(CancellationToken token) in /build/HealthCheck.cs:line 33"
TIMED_OUT = """\
System.TimeoutException: The statement did not finish within 00:00:05
   at OrderLine.Storage.Connection.ExecuteAsync(String statement) in /build/Connection.cs:line 203
   at OrderLine.Storage.OrderRepository.SaveAsync(Order order) in /build/OrderRepository.cs:line 147"""
PRINTER_GONE = """\
System.IO.IOException: Unable to write data to the transport connection: Broken pipe.
 ---> System.Net.Sockets.SocketException (32): Broken pipe
   --- End of inner exception stack trace ---
   at System.Net.Sockets.NetworkStream.Write(ReadOnlySpan`1 buffer)
   at OrderLine.Labels.LabelPrinter.Send(Label label) in /build/LabelPrinter.cs:line 117
   at OrderLine.Labels.LabelPrinter.Print(Label label, Int32 attempt) in /build/LabelPrinter.cs:line 74"""
BAD_MESSAGE = """\
System.Text.Json.JsonException: '{character}' is an invalid start of a value. \
Path: $.lines[{line}].quantity | LineNumber: 0 | BytePositionInLine: {position}.
   at System.Text.Json.ThrowHelper.ReThrowWithPath(ReadStack& state, JsonReaderException ex)
   at System.Text.Json.JsonSerializer.Deserialize[TValue](ReadOnlySpan`1 utf8Json, JsonTypeInfo`1 type)
   at OrderLine.Intake.MessageParser.Parse(Byte[] body) in /build/MessageParser.cs:line 39"""
ERP_SLOW = """\
System.Threading.Tasks.TaskCanceledException: The request was canceled due to the configured \
HttpClient.Timeout of 30 seconds elapsing.
 ---> System.TimeoutException: The operation was canceled.
 ---> System.Net.Http.HttpRequestException: Error while copying content to a stream.
   --- End of inner exception stack trace ---
   --- End of inner exception stack trace ---
   at System.Net.Http.HttpClient.HandleFailure(Exception e, Boolean telemetryStarted)
   at OrderLine.Erp.StockGateway.ReportAsync(StockReport report) in /build/StockGateway.cs:line 95"""
DISK_FULL = """\
System.IO.IOException: No space left on device : '/var/lib/orderline/archive/2026-03-04.tar'
   at System.IO.RandomAccess.WriteAtOffset(SafeFileHandle handle, ReadOnlySpan`1 buffer, Int64 fileOffset)
   at OrderLine.Jobs.ArchiveJob.Run(DateOnly day) in /build/ArchiveJob.cs:line 71"""

T = TypeVar("T")


class Line:
    """The order line and what it logs."""

    def __init__(self, seed: int, week: int) -> None:
        # Of Random, random() alone: its numbers are the same in every Python, those of choice() need not be.
        self._random = Random(seed).random  # noqa: S311 -- no secret depends on it
        self._week = week
        self._entries: list[tuple[int, int, str]] = []
        self._orders = 104_200

    def log(self, time: int, level: str, source: str, message: str) -> None:
        """Notes an entry, in any order of times."""
        self._entries.append((time, len(self._entries), f"[{level}] OrderLine.{source}: {message}"))

    def text(self) -> str:
        """The whole log."""
        lines = []
        for when, message in self.entries():
            moment = when.isoformat(" ", "milliseconds")
            lines.append(f"{moment[:-6]} {moment[-6:]} {message}\n")
        return "".join(lines)

    def entries(self) -> Iterator[tuple[datetime, str]]:
        """Times and messages, in the order of time."""
        monday = MONDAY + timedelta(weeks=self._week)
        for time, _, message in sorted(self._entries):
            yield monday + timedelta(milliseconds=time), message

    def noted(self) -> Sequence[tuple[int, str]]:
        """Times, in milliseconds since Monday, midnight, and messages, in the order they were noted."""
        return [(time, message) for time, _, message in self._entries]

    def replace(self, entries: Iterable[tuple[int, str]]) -> None:
        """Have these, as `noted` gives them, instead."""
        self._entries = [(time, at, message) for at, (time, message) in enumerate(entries)]

    def number(self, least: int, most: int) -> int:
        """A number from the range, both ends included."""
        return least + int(self._random() * (most - least + 1))

    def chance(self, percent: float) -> bool:
        """True that often."""
        return self._random() * 100 < percent

    def one_of(self, values: Sequence[T]) -> T:
        """One of the values."""
        return values[self.number(0, len(values) - 1)]

    def next_order(self) -> str:
        """A new order's number."""
        self._orders += 1
        return f"A-{self._orders}"

    def every(self, begin: int, end: int, pause: int) -> Iterator[int]:
        """Times about that far apart at which the application runs."""
        for time in range(begin, end, pause):
            if not MAINTENANCE[0] - MINUTE <= time < MAINTENANCE[1]:
                yield time + self.number(0, pause // 20)

    def orders(self) -> None:
        """What comes in over the days, evenly random within each hour."""
        met = False
        for hour in range(FIRST_START // HOUR, END // HOUR):
            count = ORDERS_PER_HOUR[hour % 24]
            for time in sorted(hour * HOUR + self.number(MINUTE, HOUR - 1) for _ in range(count)):
                if not any(begin - 12 * MINUTE <= time < end for begin, end in (EMERGENCY_STOP, MAINTENANCE)):
                    self.order(time)
                    met = met or OUTAGE[0] <= time < OUTAGE[1]
        if not met:
            self.order(OUTAGE[0] + MINUTE)  # so that each week has the same incidents

    def order(self, time: int) -> None:
        """One order on its way through the line."""
        order = self.next_order()
        if self.chance(0.5):
            line, position = self.number(0, 5), self.number(90, 700)
            exception = BAD_MESSAGE.format(character=self.one_of(",xN"), line=line, position=position)
            self.log(time, "ERR", "Intake.MessageParser", f"Message for {order} refused\n{exception}")
            return
        gate, lines = self.number(1, 6), self.number(1, 9)
        priority = "express" if self.chance(12) else "normal"
        message = f"Order {order} received: {lines} lines, gate {gate}, priority {priority}"
        self.log(time, "INF", "Intake.OrderReceiver", message)
        if OUTAGE[0] <= time < OUTAGE[1]:
            self.not_saved(time + self.number(20, 90), order)
            time = OUTAGE[1] + self.number(10 * SECOND, 50 * SECOND)
            self.log(time, "INF", "Intake.LocalBuffer", f"Order {order} saved from the local buffer")
        elif self.chance(40):
            spent = self.number(4, 38)
            self.log(time + spent, "DBG", "Storage.OrderRepository", f"Saved {order} in {spent} ms")
        station, tote = self.number(1, 6), f"T-{self.number(1, 480):04}"
        begun, time = time, time + self.number(20 * SECOND, 150 * SECOND)
        message = f"Tote {tote} for {order} routed to station {station} in {self.number(35, 190)} ms"
        self.log(time, "INF", "Conveyor.Router", message)
        if self.chance(14 if MAINTENANCE[1] < time < SPEED_REDUCED else 1.2):
            message = f"No read of tote {tote} at scanner {self.number(1, 8)}, second lap"
            time += self.number(3 * SECOND, 8 * SECOND)
            self.log(time, "WRN", "Conveyor.ScanGate", message)
        time = self.pick_and_weigh(time, station, tote)
        time = self.label(time + self.number(4 * SECOND, 15 * SECOND), order, 1 + gate // 4)
        time += self.number(15 * SECOND, 120 * SECOND)
        taken = timedelta(seconds=(time - begun) // SECOND)
        self.log(time, "INF", "Dispatch.Gate", f"Order {order} left by gate {gate} after 0{taken}")

    def pick_and_weigh(self, time: int, station: int, tote: str) -> int:
        """Returns when that is done."""
        time += self.number(25 * SECOND, 140 * SECOND)
        quantity, article = self.number(1, 24), self.one_of(ARTICLES)
        message = f"Station {station}: picked {quantity} × {article} into {tote}"
        self.log(time, "INF", "Picking.Station", message)
        time += self.number(8 * SECOND, 25 * SECOND)
        expected = self.number(180, 14_900)
        if self.chance(1.8):
            weight = expected + self.number(120, 900)
            message = f"Tote {tote} weighs {weight} g, expected {expected} g: to the check point"
            self.log(time, "WRN", "Weighing.Scale", message)
            time += self.number(60 * SECOND, 200 * SECOND)
        elif self.chance(45):
            weight = expected + self.number(-12, 12)
            self.log(time, "DBG", "Weighing.Scale", f"Tote {tote} weighs {weight} g, expected {expected} g")
        return time

    def label(self, time: int, order: str, printer: int) -> int:
        """Returns when the label is on."""
        host = f"lp-{printer:02}.plant.example"
        if self.chance(0.8):
            message = f"Label for {order} not printed on {host}, attempt 1 of 3\n{PRINTER_GONE}"
            self.log(time, "ERR", "Labels.LabelPrinter", message)
            time += self.number(5 * SECOND, 9 * SECOND)
        spent = self.number(310, 1450)
        message = f"Label for {order} printed on {host} in {spent} ms"
        self.log(time + spent, "INF", "Labels.LabelPrinter", message)
        return time + spent

    def not_saved(self, time: int, order: str) -> None:
        """An order that meets the outage: three attempts, then the local buffer."""
        for attempt, pause in ((1, 2), (2, 4), (3, 0)):
            exception = NO_CONNECTION.format(what=f"Order {order} not saved", caller=SAVING)
            message = f"Attempt {attempt} of 3 to save {order} failed\n{exception}"
            self.log(time, "ERR", "Storage.OrderRepository", message)
            if pause:
                self.log(time + 1, "WRN", "Storage.RetryPolicy", f"{order}: next attempt in {pause} s")
            time += pause * SECOND + self.number(5, 60)
        self.log(time, "WRN", "Intake.LocalBuffer", f"Order {order} kept in the local buffer")

    def outage(self) -> None:
        """The database is away for nine minutes on Wednesday."""
        begin, end = OUTAGE
        for time in self.every(begin - 4 * MINUTE, begin, 37 * SECOND):
            message = f"Slow statement: UPDATE orders … took {self.number(1200, 4800)} ms"
            self.log(time, "WRN", "Storage.Connection", message)
        self.log(begin - 900, "ERR", "Storage.OrderRepository", f"Order state not updated\n{TIMED_OUT}")
        for connection in range(1, 9):
            message = f"Connection {connection} of 8 broken, opening a new one"
            self.log(begin + connection * 7, "WRN", "Storage.ConnectionPool", message)
        for attempt, time in enumerate(self.every(begin + 4 * SECOND, end, 11 * SECOND), 1):
            exception = NO_CONNECTION.format(what=f"Health check {attempt} failed", caller=CHECKING)
            message = f"Database unreachable, attempt {attempt}\n{exception}"
            self.log(time, "ERR", "Storage.HealthCheck", message)
        message = "Circuit open: orders go to the local buffer (500 at most)"
        self.log(begin + 90 * SECOND, "ERR", "Storage.CircuitBreaker", message)
        message = "Operator note from O-04: Datenbankserver neu gestartet, bitte beobachten"
        self.log(end + 3 * MINUTE, "INF", "Operators.Notes", message)
        message = "Database unreachable for 00:05:00. An operator is needed"
        self.log(begin + 5 * MINUTE, "FTL", "Program", message)
        away = timedelta(seconds=(end - begin) // SECOND)
        self.log(end, "INF", "Storage.HealthCheck", f"Database reachable again after 0{away}")
        self.log(end + 40, "INF", "Storage.CircuitBreaker", "Circuit closed")
        self.log(end + 4 * SECOND, "INF", "Intake.LocalBuffer", "Saving the orders of the local buffer")
        self.log(end + 55 * SECOND, "INF", "Intake.LocalBuffer", "Local buffer empty")

    def emergency_stop(self) -> None:
        """Someone presses the button on Tuesday."""
        begin, end = EMERGENCY_STOP
        self.log(begin, "FTL", "Safety.EmergencyStop", "Emergency stop at station 5: all drives halted")
        for drive in range(1, 5):
            self.log(begin + drive * 13, "WRN", "Conveyor.Drive", f"Drive {drive} stopped, 0.0 m/s")
        message = "Operator note from O-12: Handschuh am Band, niemand verletzt, Schutzgitter geprüft"
        self.log(end - 50 * SECOND, "INF", "Operators.Notes", message)
        self.log(end, "INF", "Safety.EmergencyStop", "Emergency stop released by operator O-12")
        for drive in range(1, 5):
            self.log(end + drive * 21, "INF", "Conveyor.Drive", f"Drive {drive} running, 1.8 m/s")

    def start(self, time: int, version: str, speed: str) -> None:
        """The application comes up."""
        for level, source, message in (
            ("INF", "Program", f"OrderLine {version} starting on line-ctl-01.plant.example, production"),
            ("DBG", "Configuration", "Read 4 files, 118 settings; culture de-DE, time zone Europe/Berlin"),
            ("INF", "Configuration", f"conveyor.maxSpeed = {speed} m/s"),
            ("INF", "Storage.ConnectionPool", "Opened 8 connections to db-01.plant.example:5432"),
            ("INF", "Storage.Migrations", "Schema is at version 61, nothing to do"),
            ("INF", "Labels.LabelPrinter", "Printers ready: lp-01.plant.example, lp-02.plant.example"),
            ("DBG", "Conveyor.ScanGate", "Scanners 1 to 8 answer"),
            ("INF", "Weighing.Scale", "Scales 1 and 2 zeroed, drift below 1 g"),
            ("INF", "Conveyor.Drive", f"Drives 1 to 4 running, {speed} m/s"),
            ("INF", "Program", "Application started. Listening on https://line-ctl-01.plant.example:8443"),
        ):
            self.log(time, level, source, message)
            time += self.number(80, 900)

    def maintenance(self) -> None:
        """Thursday: a new version, and a speed that the scanners can't follow; it is taken back on Friday."""
        begin, end = MAINTENANCE
        message = "conveyor.maxSpeed changed from 1.8 to 2.1 m/s by operator O-17 (ticket W-2291)"
        self.log(begin - 70 * SECOND, "INF", "Configuration", message)
        self.log(begin, "INF", "Program", "Application is shutting down: maintenance")
        self.log(begin + 300, "DBG", "Intake.OrderReceiver", "Intake closed, 0 messages in flight")
        self.log(begin + 900, "WRN", "Conveyor.Router", "2 empty totes still on the belt")
        ran = timedelta(seconds=(begin - FIRST_START) // SECOND)
        self.log(begin + 1560, "INF", "Program", f"Application stopped after {ran}")
        self.start(end, "4.8.0", "2.1")
        message = "Setting printing.legacyFonts is unknown to this version and ignored"
        self.log(end + 1500, "WRN", "Configuration", message)
        message = "conveyor.maxSpeed changed from 2.1 to 1.9 m/s by operator O-17 (ticket W-2304: no reads)"
        self.log(SPEED_REDUCED, "INF", "Configuration", message)
        for drive in range(1, 5):
            self.log(SPEED_REDUCED + drive * 30, "INF", "Conveyor.Drive", f"Drive {drive} running, 1.9 m/s")

    def readings(self) -> None:
        """The sensors, day and night. Drive 3 wears out from Wednesday on."""
        for time in self.every(FIRST_START + 2 * MINUTE, END, 15 * MINUTE):
            room = self.number(1, 3)
            tenths = self.number(28, 52) + (self.number(10, 24) if self.chance(3) else 0)
            level = "WRN" if tenths > 60 else "DBG"
            message = f"Kühlraum {room}: {tenths / 10:.1f} °C (Soll 2,0 bis 6,0 °C)"
            self.log(time, level, "Plant.CoolingMonitor", message)
        for time in self.every(FIRST_START + 5 * MINUTE, END, 20 * MINUTE):
            drive = self.number(1, 4)
            wear = max(0, time - 2 * DAY) * 46 // (3 * DAY) if drive == 3 else 0
            speed = self.number(11, 19) + wear
            level, limit = ("WRN", ", limit 45") if speed > 45 else ("DBG", "")
            winding = self.number(38, 51) + wear // 3
            message = f"Drive {drive}: vibration {speed} µm/s{limit}, winding {winding} °C"
            self.log(time, level, "Conveyor.Drive", message)
        for time in self.every(FIRST_START + 30 * MINUTE, END, HOUR):
            if OUTAGE[0] <= time < OUTAGE[1]:
                continue
            if self.chance(6):
                self.log(time, "ERR", "Erp.StockGateway", f"Stock report not delivered, kept\n{ERP_SLOW}")
            else:
                message = f"Stock report delivered to erp.plant.example: 204 in {self.number(140, 2900)} ms"
                self.log(time, "INF", "Erp.StockGateway", message)

    def nights_and_shifts(self) -> None:
        """What recurs each day: notes at the change of shifts, jobs at night."""
        for day in range(5):
            for shift, hour in enumerate((6, 14, 22)):
                time = day * DAY + hour * HOUR + self.number(8 * MINUTE, 15 * MINUTE)
                if time < END:
                    note = NOTES[(3 * day + shift) % len(NOTES)]
                    operator = f"O-{self.number(1, 24):02}"
                    self.log(time, "INF", "Operators.Notes", f"Operator note from {operator}: {note}")
            if day > 0:
                time = day * DAY + 2 * HOUR + 30 * MINUTE + self.number(40, 900)
                message = f"Removed {self.number(180, 260)} closed orders older than 90 days"
                self.log(time, "INF", "Jobs.CleanUpJob", message)
                self.archive(time + 30 * MINUTE + 15, day)

    def archive(self, time: int, day: int) -> None:
        """The archive of the day before; the disk is full in Thursday's night."""
        self.log(time, "DBG", "Jobs.ArchiveJob", f"Archiving 2026-03-{day + 1:02}")
        if day == 3:
            self.log(time + 41 * SECOND, "ERR", "Jobs.ArchiveJob", f"Archive not written\n{DISK_FULL}")
            self.log(time + 42 * SECOND, "WRN", "Jobs.Scheduler", "ArchiveJob runs again in 02:00:00")
            time += 2 * HOUR
            self.log(time, "INF", "Jobs.ArchiveJob", "Removed 3 archives of 2025 to make room")
        message = f"Archive written in {self.number(38, 66)} s, {self.number(41, 58)} MB"
        self.log(time + 70 * SECOND, "INF", "Jobs.ArchiveJob", message)


def order_line(seed: int = SEED, week: int = 0) -> Line:
    """All that it logged in a week: by default that of the sample log. The week after has number 1."""
    line = Line(seed, week)
    line.start(FIRST_START, "4.7.1", "1.8")
    line.orders()
    line.readings()
    line.nights_and_shifts()
    line.emergency_stop()
    line.outage()
    line.maintenance()
    return line
