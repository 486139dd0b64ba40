/* Lines of a plain log, made into the NDJSON that the API takes, in one pass and without an object per line.
 *
 * It takes lines that are sure to be read in one way: those that begin with a time of the file's usual form, and those
 * below that cannot begin an entry. At all others it stops and says where, and Python reads that entry. What it takes
 * is a part of what _grouping.py takes, with the same bytes as a result.
 *
 * A bytes object ends with a zero byte that is not part of it, and a zero byte is no part of a time: looking at one
 * byte after the other needs no check for the end as long as each was what it had to be.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define TIME_SIZE 27 /* 2026-03-02T06:00:00.123456Z */
#define MOST_BEFORE 300
#define MOST_SEARCHED 1200 /* bytes of at most MOST_BEFORE characters */

/* ---- what is told about the file ---------------------------------------------------------------------------- */

typedef struct {
    const char *program; /* the parts of a time, see _fast.py */
    char opened;         /* the bracket before the time, or 0 */
    int lead;            /* words before the time; -1: any, up to the first bracket */
    int zone;            /* 0 none, 1 as `zone_text` tells, 2 an offset that must be `zone_text` */
    const char *zone_text;
    Py_ssize_t zone_size;
    int priority; /* whether syslog's priority stands first */
    int yearless;
    int counted; /* digits of a number that counts from 1970, or 0 */
    const char *names; /* abbreviations of zones, each between blanks */
    /* From here on it changes within a file. */
    long long first_second, last_second; /* local times, from .. to before, that have this offset */
    long long offset;                    /* seconds, whole minutes */
    int year, month;                     /* of times without year: known for this month */
    long long last_day;                  /* the latest day since 1970 of such a time */
} Form;

enum { NO_TIME, TIME, ODD, NO_OFFSET };

typedef struct {
    char text[TIME_SIZE];
    const char *lead;
    Py_ssize_t lead_size;
    bool closed;
    char level;
    int priority; /* -1: none */
    int month, day;
    long long local; /* seconds since 1970, without the zone */
} Stamp;

/* ---- small things ------------------------------------------------------------------------------------------- */

static inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static inline bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
static inline bool is_blank(char c) { return c == ' ' || c == '\t'; }

static int one_or_two(const char **at)
{
    const char *p = *at;
    if (!is_digit(p[0]))
        return -1;
    int value = p[0] - '0';
    p++;
    if (is_digit(*p)) {
        value = value * 10 + (*p - '0');
        p++;
    }
    *at = p;
    return value;
}

static int exactly(const char **at, int count)
{
    int value = 0;
    const char *p = *at;
    for (int i = 0; i < count; i++, p++) {
        if (!is_digit(*p))
            return -1;
        value = value * 10 + (*p - '0');
    }
    *at = p;
    return value;
}

static int name_of(const char *p, const char *names)
{
    char three[3];
    for (int i = 0; i < 3; i++) {
        if (!is_letter(p[i]))
            return -1;
        three[i] = (char)(p[i] | 32);
    }
    for (int i = 0; names[i * 3]; i++)
        if (memcmp(names + i * 3, three, 3) == 0)
            return i;
    return -1;
}

static bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static long long days_since_1970(int year, int month, int day)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int past = year - 1;
    int leap_day = month > 2 && is_leap(year);
    return (long long)past * 365 + past / 4 - past / 100 + past / 400 + before[month - 1] + leap_day + day - 719163;
}

#define FIRST_DAY (-719162LL)  /* 0001-01-01 */
#define LAST_DAY 2932896LL     /* 9999-12-31 */

static void two(char *to, int value)
{
    to[0] = (char)('0' + value / 10);
    to[1] = (char)('0' + value % 10);
}

/* Writes date, hour and minute of a minute since 1970; false if it is not of the years 1 to 9999. */
static bool put_minute(char *to, long long minute)
{
    long long day = minute >= 0 ? minute / 1440 : -((1439 - minute) / 1440);
    int of_day = (int)(minute - day * 1440);
    if (day < FIRST_DAY || day > LAST_DAY)
        return false;
    /* https://howardhinnant.github.io/date_algorithms.html#civil_from_days */
    long long shifted = day + 719468;
    long long era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int of_era = (int)(shifted - era * 146097);
    int year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int shifted_month = (5 * of_year + 2) / 153;
    int month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    int year = (int)(year_of_era + era * 400) + (month <= 2);
    two(to, year / 100);
    two(to + 2, year % 100);
    to[4] = to[7] = '-';
    two(to + 5, month);
    two(to + 8, of_year - (153 * shifted_month + 2) / 5 + 1);
    to[10] = 'T';
    two(to + 11, of_day / 60);
    to[13] = ':';
    two(to + 14, of_day % 60);
    to[16] = ':';
    return true;
}

/* ---- what stands behind a time ------------------------------------------------------------------------------- */

static bool is_name(const Form *form, const char *token, int size)
{
    char wanted[8] = " ";
    memcpy(wanted + 1, token, size);
    wanted[size + 1] = ' ';
    wanted[size + 2] = 0;
    return strstr(form->names, wanted) != NULL;
}

/* Whether what follows a time may be a further part of it, or must be looked at by Python. */
static bool may_go_on(const Form *form, const char *p, bool zoned)
{
    if ((*p == '+' || *p == '-') && is_digit(p[1]))
        return true;
    const char *q = is_blank(*p) ? p + 1 : p;
    unsigned char c = (unsigned char)*q;
    if (c == 0xC2 || c == 0xE2)
        return true; /* blanks that are no ASCII, perhaps */
    if ((c == '+' || c == '-') && is_digit(q[1]))
        return true;
    if (c == '(')
        return zoned;
    if (c == '[') {
        const char *end = q + 1;
        bool place = false;
        for (; end - q < 64 && *end && *end != '\n' && *end != ']'; end++)
            place |= *end == '/';
        int size = (int)(end - q - 1);
        return place || (size == 1 && q[1] == 'Z') || (size == 3 && (memcmp(q + 1, "UTC", 3) == 0 || memcmp(q + 1, "GMT", 3) == 0));
    }
    if ((c | 32) == 'a' || (c | 32) == 'p') {
        if (q[1] == '.' || ((q[1] | 32) == 'm' && !is_letter(q[2])))
            return true;
    }
    if (form->yearless && (c == '1' || c == '2')) {
        const char *r = q;
        int year = exactly(&r, 4);
        return (year / 100 == 19 || year / 100 == 20) && !is_digit(*r);
    }
    if (!is_upper((char)c))
        return false;
    int size = 0;
    while (size < 5 && is_upper(q[size]))
        size++;
    if (size >= 3 && (memcmp(q, "UTC", 3) == 0 || memcmp(q, "GMT", 3) == 0))
        return true;
    if (size >= 3 && !is_letter(q[size]) && !is_digit(q[size]) && is_name(form, q, size))
        return true;
    int letters = 0;
    while (letters < 12 && is_letter(q[letters]))
        letters++;
    return q[letters] == '/';
}

/* ---- a time -------------------------------------------------------------------------------------------------- */

static const char MONTHS[] = "janfebmaraprmayjunjulaugsepoctnovdec";
static const char WEEKDAYS[] = "montuewedthufrisatsun";

typedef struct {
    int year, month, day, weekday, hour, minute, second;
    char fraction[6];
} Parts;

static int pass_fraction(const char **at, Parts *parts)
{
    const char *p = *at;
    memset(parts->fraction, '0', 6);
    if ((*p == '.' || *p == ',') && is_digit(p[1])) {
        p++;
        for (int i = 0; is_digit(*p); i++, p++)
            if (i < 6)
                parts->fraction[i] = *p;
    } else if (*p == ':' && is_digit(p[1])) { /* milliseconds, not padded */
        const char *start = ++p;
        while (is_digit(*p))
            p++;
        int size = (int)(p - start);
        if (size > 3)
            return ODD;
        memcpy(parts->fraction + 3 - size, start, size);
    }
    *at = p;
    return TIME;
}

/* Passes a clock time: hour, minute and second, with or without colons. */
static int pass_clock(const char **at, Parts *parts, bool colons)
{
    const char *p = *at;
    if (colons) {
        if ((parts->hour = one_or_two(&p)) < 0 || *p++ != ':' || (parts->minute = one_or_two(&p)) < 0)
            return NO_TIME;
        if (*p != ':' || !is_digit(p[1]))
            return ODD; /* without seconds */
        p++;
        parts->second = one_or_two(&p);
    } else {
        if ((parts->hour = exactly(&p, 2)) < 0 || (parts->minute = exactly(&p, 2)) < 0 || (parts->second = exactly(&p, 2)) < 0)
            return NO_TIME;
        if (*p == ':')
            return ODD;
    }
    *at = p;
    return pass_fraction(at, parts);
}

static int pass_ampm(const char **at, Parts *parts)
{
    const char *p = *at;
    if (*p == ' ')
        p++;
    if ((*p != 'A' && *p != 'P') || p[1] != 'M' || is_letter(p[2]))
        return ODD;
    if (*p == 'A') {
        if (parts->hour > 12)
            return ODD;
        parts->hour = parts->hour == 12 ? 0 : parts->hour;
    } else if (parts->hour < 12) {
        parts->hour += 12;
    }
    *at = p + 2;
    return TIME;
}

static int pass_zone(const Form *form, const char **at)
{
    if (form->zone && strncmp(*at, form->zone_text, form->zone_size) != 0)
        return ODD;
    *at += form->zone_size;
    return TIME;
}

static int run_program(const Form *form, const char **at, Parts *parts, Stamp *stamp)
{
    const char *p = *at;
    for (const char *part = form->program; *part; part++) {
        int how = TIME;
        switch (*part) {
        case 'Y': if ((parts->year = exactly(&p, 4)) < 0) return NO_TIME; break;
        case 'y':
            if ((parts->year = exactly(&p, 2)) < 0) return NO_TIME;
            parts->year += parts->year >= 69 ? 1900 : 2000;
            break;
        case 'm': if ((parts->month = one_or_two(&p)) < 0) return NO_TIME; break;
        case 'd': if ((parts->day = one_or_two(&p)) < 0) return NO_TIME; break;
        case 'M': if ((parts->month = exactly(&p, 2)) < 0) return NO_TIME; break;
        case 'D': if ((parts->day = exactly(&p, 2)) < 0) return NO_TIME; break;
        case 'b':
            if ((parts->month = name_of(p, MONTHS) + 1) < 1) return NO_TIME;
            p += 3;
            while (*p >= 'a' && *p <= 'z') p++;
            break;
        case 'a':
            if ((parts->weekday = name_of(p, WEEKDAYS)) < 0) return NO_TIME;
            p += 3;
            while (*p >= 'a' && *p <= 'z') p++;
            if (*p == ',') p++;
            if (*p != ' ') return NO_TIME;
            while (*p == ' ') p++;
            break;
        case '~':
            if (*p == 'T' || *p == 't') { p++; break; }
            if (!is_blank(*p)) return NO_TIME;
            while (is_blank(*p)) p++;
            break;
        case '_':
            if (*p != ' ') return NO_TIME;
            while (*p == ' ') p++;
            break;
        case '?': if (*p == ',') p++; break;
        case 'l':
            if (*p == 0 || strchr("DEFIVW", *p) == NULL) return NO_TIME;
            stamp->level = *p++;
            break;
        case 'C': how = pass_clock(&p, parts, true); break;
        case 'K': how = pass_clock(&p, parts, false); break;
        case 'P': how = pass_ampm(&p, parts); break;
        case 'z': how = pass_zone(form, &p); break;
        default: if (*p++ != *part) return NO_TIME;
        }
        if (how != TIME)
            return how;
    }
    *at = p;
    return TIME;
}

static int put_time(const Form *form, const Parts *parts, Stamp *stamp)
{
    int year = form->yearless ? form->year : parts->year;
    if (parts->month < 1 || parts->month > 12 || (form->yearless && parts->month != form->month))
        return ODD;
    if (year < 1 || parts->day < 1 || parts->day > days_of(year, parts->month))
        return ODD;
    if (parts->hour > 23 || parts->minute > 59 || parts->second > 59)
        return ODD;
    long long day = days_since_1970(year, parts->month, parts->day);
    if (form->yearless && day > form->last_day)
        return ODD;
    if (parts->weekday >= 0 && (int)(((day + 3) % 7 + 7) % 7) != parts->weekday)
        return ODD;
    stamp->month = parts->month;
    stamp->day = parts->day;
    stamp->local = day * 86400 + parts->hour * 3600 + parts->minute * 60;
    if (stamp->local < form->first_second || stamp->local >= form->last_second)
        return NO_OFFSET;
    long long utc = stamp->local - form->offset;
    long long minute = utc >= 0 ? utc / 60 : -((59 - utc) / 60);
    if (!put_minute(stamp->text, minute))
        return ODD;
    two(stamp->text + 17, parts->second);
    stamp->text[19] = '.';
    memcpy(stamp->text + 20, parts->fraction, 6);
    stamp->text[26] = 'Z';
    return TIME;
}

/* A number that counts from 1970: seconds, or in thousandths, millionths, milliardths of them by its digits. */
static int count_time(const Form *form, const char **at, Stamp *stamp)
{
    const char *p = *at;
    long long seconds = exactly(&p, 9);
    if (seconds < 0 || !is_digit(*p))
        return NO_TIME;
    seconds = seconds * 10 + (*p++ - '0');
    Parts parts;
    memset(parts.fraction, '0', 6);
    int more = form->counted - 10;
    for (int i = 0; i < more; i++, p++) {
        if (!is_digit(*p))
            return NO_TIME;
        if (i < 6)
            parts.fraction[i] = *p;
    }
    if (is_digit(*p))
        return NO_TIME;
    if ((*p == '.' || *p == ',') && is_digit(p[1])) {
        if (more)
            return ODD;
        pass_fraction(&p, &parts);
    }
    if (seconds < 631152000 || seconds >= 4102444800) /* 1990, 2100 */
        return ODD;
    if (!put_minute(stamp->text, seconds / 60))
        return ODD;
    two(stamp->text + 17, (int)(seconds % 60));
    stamp->text[19] = '.';
    memcpy(stamp->text + 20, parts.fraction, 6);
    stamp->text[26] = 'Z';
    *at = p;
    return TIME;
}

static bool has_clock(const char *at, const char *end)
{
    const char *newline = memchr(at, '\n', end - at);
    if (newline != NULL)
        end = newline;
    for (const char *p = at; p < end; p++) {
        p = memchr(p, ':', end - p);
        if (p == NULL)
            return false;
        if (p > at && is_digit(p[-1]) && is_digit(p[1]) && is_digit(p[2]))
            return true;
    }
    return false;
}

/* Passes what stands before the time. */
static int pass_lead(const Form *form, const char **at, const char *end, Stamp *stamp)
{
    const char *p = *at;
    stamp->lead = p;
    if (form->lead == 0)
        return TIME;
    if (is_blank(*p) || *p == '\n')
        return NO_TIME;
    const char *limit = end - p > MOST_BEFORE ? p + MOST_BEFORE : end;
    const char *last = p; /* the last word's beginning */
    if (form->lead > 0) {
        for (int i = 0; i < form->lead; i++) {
            last = p;
            while (p < limit && !is_blank(*p) && *p != '\n')
                p++;
            if (p >= limit || *p == '\n')
                return NO_TIME;
            while (p < limit && is_blank(*p))
                p++;
        }
    } else {
        while (p < limit && *p != '[' && *p != '\n')
            p++;
        if (p >= limit || *p != '[')
            return NO_TIME;
        if (p == stamp->lead || !is_blank(p[-1]))
            return ODD;
        for (const char *q = stamp->lead; q < p - 1; q++)
            if (is_blank(*q) && !is_blank(q[1]))
                last = q + 1;
    }
    if (has_clock(stamp->lead, p) || name_of(last, WEEKDAYS) >= 0 || name_of(last, MONTHS) >= 0)
        return ODD;
    stamp->lead_size = p - stamp->lead;
    *at = p;
    return TIME;
}

static int pass_priority(const char **at, Stamp *stamp)
{
    const char *p = *at;
    if (*p++ != '<')
        return NO_TIME;
    int value = 0, size = 0;
    for (; is_digit(*p) && size < 3; p++, size++)
        value = value * 10 + (*p - '0');
    if (size == 0 || *p++ != '>' || value > 191)
        return ODD;
    stamp->priority = value;
    const char *version = p;
    if (one_or_two(&version) >= 0 && *version == ' ')
        p = version + 1;
    *at = p;
    return TIME;
}

/* Passes what separates the time from the message. */
static int pass_separator(const char **at)
{
    const char *p = *at;
    while (is_blank(*p))
        p++;
    if (*p == '|' || *p == ';' || *p == ',') {
        p++;
        while (is_blank(*p))
            p++;
    } else if ((*p == '-' || *p == ':') && ((unsigned char)p[1] == 0xC2 || (unsigned char)p[1] == 0xE2)) {
        return ODD;
    } else if ((*p == '-' && p > *at && is_blank(p[1])) || (*p == ':' && is_blank(p[1]))) {
        p++;
        while (is_blank(*p))
            p++;
    }
    unsigned char c = (unsigned char)*p;
    if (c == 0xC2 || c == 0xE2)
        return ODD;
    *at = p;
    return TIME;
}

/* Takes the time off the line that begins at `*at`, which is then where its message begins. */
static int read_stamp(const Form *form, const char **at, const char *end, Stamp *stamp)
{
    const char *p = *at;
    stamp->lead_size = 0;
    stamp->closed = true;
    stamp->level = 0;
    stamp->priority = -1;
    if (form->priority) {
        int how = pass_priority(&p, stamp);
        if (how != TIME)
            return how;
    }
    int how = pass_lead(form, &p, end, stamp);
    if (how != TIME)
        return how;
    if (form->opened && *p++ != form->opened)
        return NO_TIME;
    Parts parts = {.weekday = -1, .year = 1};
    if (form->counted)
        how = count_time(form, &p, stamp);
    else
        how = run_program(form, &p, &parts, stamp);
    if (how != TIME)
        return how;
    if (is_digit(*p) || is_letter(*p) || ((*p == ':' || *p == '.' || *p == ',') && is_digit(p[1])))
        return ODD;
    if (form->opened && *p != 0 && strchr("])>}\"'", *p) != NULL) {
        p++;
    } else {
        stamp->closed = !form->opened;
        if (may_go_on(form, p, form->zone != 0))
            return ODD;
    }
    if ((how = pass_separator(&p)) != TIME)
        return how;
    if (!form->counted && (how = put_time(form, &parts, stamp)) != TIME)
        return how;
    *at = p;
    return TIME;
}

/* ---- what is written ----------------------------------------------------------------------------------------- */

typedef struct {
    char *bytes;
    size_t size, room;
    bool failed;
} Out;

static bool make_room(Out *out, size_t more)
{
    if (out->size + more <= out->room)
        return true;
    size_t room = out->room * 2 > out->size + more ? out->room * 2 : out->size + more;
    char *bytes = PyMem_RawRealloc(out->bytes, room);
    if (bytes == NULL) {
        out->failed = true;
        return false;
    }
    out->bytes = bytes;
    out->room = room;
    return true;
}

static bool put(Out *out, const char *bytes, size_t size)
{
    if (!make_room(out, size))
        return false;
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
    return true;
}

#define EACH (UINT64_MAX / 255)
#define HIGH (EACH * 128)

/* The first byte from `at` on that JSON does not take as it stands, or `end`. */
static inline const char *plain_until(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t eight;
        memcpy(&eight, at, 8);
        uint64_t quote = eight ^ (EACH * '"');
        uint64_t backslash = eight ^ (EACH * '\\');
        if ((((quote - EACH) & ~quote) | ((backslash - EACH) & ~backslash) | ((eight - EACH * 32) & ~eight)) & HIGH)
            break;
        at += 8;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 32)
        at++;
    return at;
}

/* Writes a line as a part of a JSON string; `*at` is then behind its line feed. */
static bool put_line(Out *out, const char **at, const char *end)
{
    const char *p = *at;
    for (;;) {
        const char *stop = plain_until(p, end);
        if (!make_room(out, stop - p + 6))
            return false;
        memcpy(out->bytes + out->size, p, stop - p);
        out->size += stop - p;
        if (stop == end || *stop == '\n') {
            *at = stop == end ? end : stop + 1;
            return true;
        }
        char *to = out->bytes + out->size;
        to[0] = '\\';
        out->size += 2;
        switch (*stop) {
        case '"': case '\\': to[1] = *stop; break;
        case '\t': to[1] = 't'; break;
        case '\r': to[1] = 'r'; break;
        case '\b': to[1] = 'b'; break;
        case '\f': to[1] = 'f'; break;
        default:
            memcpy(to + 1, "u00", 3);
            to[4] = "01"[(*stop >> 4) & 1];
            to[5] = "0123456789abcdef"[*stop & 15];
            out->size += 4;
        }
        p = stop + 1;
    }
}

/* ---- entries ------------------------------------------------------------------------------------------------- */

enum { ENDED, FULL, LINE, OFFSET };

typedef struct {
    Out out;
    int64_t *starts;
    Py_ssize_t count, room;
    Py_ssize_t most_entries;
    size_t most_bytes;
    bool empty; /* the batch that they go into */
    const char *entry; /* the line on which the open one begins; NULL: none is open */
    int64_t entry_line;
    size_t entry_out;
    char entry_time[TIME_SIZE];
    int entry_priority;
    int entry_month, entry_day;
    int64_t entry_below;
    int64_t empty_lines; /* that belong to it if another line follows */
    char first[TIME_SIZE], last[TIME_SIZE];
    int64_t below; /* lines below the first ones, of all entries that are done */
    int month, day; /* of the last entry that is done */
} Scan;

static bool open_entry(Scan *scan, const Form *form, const char *line, int64_t number, const Stamp *stamp)
{
    scan->entry = line;
    scan->entry_line = number;
    scan->entry_out = scan->out.size;
    scan->entry_priority = stamp->priority;
    scan->entry_month = stamp->month;
    scan->entry_day = stamp->day;
    scan->entry_below = scan->empty_lines = 0;
    memcpy(scan->entry_time, stamp->text, TIME_SIZE);
    Out *out = &scan->out;
    const char *lead = stamp->lead;
    bool fine = put(out, "{\"timestamp\":\"", 14) && put(out, stamp->text, TIME_SIZE) && put(out, "\",\"message\":\"", 13);
    if (fine && stamp->lead_size)
        fine = put_line(out, &lead, lead + stamp->lead_size);
    if (fine && stamp->level) {
        char level[2] = {stamp->level, ' '};
        fine = put(out, level, 2);
    }
    if (fine && !stamp->closed) {
        const char *opened = &form->opened;
        fine = put_line(out, &opened, opened + 1);
    }
    return fine;
}

/* Ends the open entry: ENDED, or FULL if it does not fit any more and is taken back. */
static int close_entry(Scan *scan)
{
    Out *out = &scan->out;
    if (scan->entry_priority >= 0) {
        char context[80];
        int size = snprintf(context, sizeof context, "\",\"context\":{\"PRIORITY\":\"%d\",\"SYSLOG_FACILITY\":\"%d\"}}\n",
                            scan->entry_priority % 8, scan->entry_priority / 8);
        put(out, context, size);
    } else {
        put(out, "\"}\n", 3);
    }
    if (out->size > scan->most_bytes && !(scan->count == 0 && scan->empty)) {
        out->size = scan->entry_out;
        return FULL;
    }
    if (scan->count == scan->room) {
        Py_ssize_t room = scan->room ? scan->room * 2 : 1024;
        int64_t *starts = PyMem_RawRealloc(scan->starts, room * sizeof(int64_t));
        if (starts == NULL) {
            out->failed = true;
            return FULL;
        }
        scan->starts = starts;
        scan->room = room;
    }
    if (scan->count == 0 || memcmp(scan->entry_time, scan->first, TIME_SIZE) < 0)
        memcpy(scan->first, scan->entry_time, TIME_SIZE);
    if (scan->count == 0 || memcmp(scan->entry_time, scan->last, TIME_SIZE) > 0)
        memcpy(scan->last, scan->entry_time, TIME_SIZE);
    scan->starts[scan->count++] = scan->entry_line;
    scan->below += scan->entry_below;
    scan->month = scan->entry_month;
    scan->day = scan->entry_day;
    scan->entry = NULL;
    return ENDED;
}

static bool is_filled(const char *at, const char *end)
{
    for (; at < end && *at != '\n'; at++)
        if (*at > 0x20 && *at < 0x7F)
            return true;
    return false;
}

/* Whether a line that begins with no time of the usual form is sure to be a part of the entry above. */
static bool is_below(const char *at, const char *end)
{
    if (is_blank(*at) || *at == '\n')
        return true;
    unsigned char c = (unsigned char)*at;
    if (is_digit(*at) || c == 0xFF || c == '<')
        return false;
    if (memcmp(at, "-- ", end - at < 3 ? end - at : 3) == 0 || memcmp(at, "==>", end - at < 3 ? end - at : 3) == 0)
        return false;
    return !has_clock(at, end - at > MOST_SEARCHED ? at + MOST_SEARCHED : end);
}

static bool put_below(Scan *scan, const char **at, const char *end)
{
    Out *out = &scan->out;
    if (**at == '\n') {
        scan->empty_lines++;
        (*at)++;
        return true;
    }
    for (scan->empty_lines++; scan->empty_lines > 0; scan->empty_lines--)
        if (!put(out, "\\n", 2))
            return false;
    const char *p = *at;
    while (p < end && is_blank(*p))
        p++;
    scan->entry_below += p < end && *p != '\n';
    return put_line(out, at, end);
}

typedef struct {
    const char *done;    /* up to where all entries are written */
    int64_t done_line;   /* the number of the line that begins there */
    const char *problem; /* the line that is for Python */
    long long local;
    int reason;
} Stop;

static void scan_lines(Scan *scan, const Form *form, const char *at, const char *end, int64_t line, bool final, Stop *stop)
{
    Stamp stamp;
    stop->reason = ENDED;
    stop->problem = NULL;
    while (at < end && !scan->out.failed) {
        const char *begin = at;
        int how = read_stamp(form, &at, end, &stamp);
        if (how == TIME && !is_filled(at, end))
            how = ODD; /* the time alone: its message is of another kind */
        if (how == NO_TIME && scan->entry != NULL && is_below(begin, end)) {
            at = begin;
            if (!put_below(scan, &at, end))
                return;
            line++;
            continue;
        }
        if (how != TIME && how != NO_OFFSET) {
            stop->reason = LINE;
            stop->problem = begin;
            break;
        }
        if (scan->entry != NULL) {
            if (close_entry(scan) == FULL) {
                stop->reason = FULL;
                break;
            }
            if (scan->count == scan->most_entries) {
                stop->reason = FULL;
                stop->done = begin;
                stop->done_line = line;
                return;
            }
        }
        if (how == NO_OFFSET) {
            stop->reason = OFFSET;
            stop->problem = begin;
            stop->local = stamp.local;
            break;
        }
        if (!open_entry(scan, form, begin, line, &stamp) || !put_line(&scan->out, &at, end))
            return;
        line++;
    }
    if (stop->reason == ENDED && final && scan->entry != NULL && close_entry(scan) == FULL)
        stop->reason = FULL;
    if (scan->entry != NULL) { /* it goes on in the next block, or Python reads it */
        scan->out.size = scan->entry_out;
        stop->done = scan->entry;
        stop->done_line = scan->entry_line;
    } else {
        stop->done = stop->problem != NULL ? stop->problem : at;
        stop->done_line = line;
    }
}

/* ---- the module ---------------------------------------------------------------------------------------------- */

static PyObject *scan(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *data;
    Py_ssize_t start, most_entries, most_bytes;
    long long line;
    int final, empty, opened;
    Form form;
    if (!PyArg_ParseTuple(arguments, "SnLpnnp(siiis#iiis)(LLLiiL)", &data, &start, &line, &final, &most_entries, &most_bytes,
                          &empty, &form.program, &opened, &form.lead, &form.zone, &form.zone_text, &form.zone_size,
                          &form.priority, &form.yearless, &form.counted, &form.names, &form.first_second,
                          &form.last_second, &form.offset, &form.year, &form.month, &form.last_day))
        return NULL;
    Py_ssize_t size = PyBytes_GET_SIZE(data);
    const char *bytes = PyBytes_AS_STRING(data);
    if (start < 0 || start > size || most_entries < 1 || (size > 0 && bytes[size - 1] != '\n')) {
        PyErr_SetString(PyExc_ValueError, "whole lines, from a start within them, and room for one entry");
        return NULL;
    }
    if (form.counted != 0 && form.counted != 10 && form.counted != 13 && form.counted != 16 && form.counted != 19) {
        PyErr_SetString(PyExc_ValueError, "numbers that count from 1970 have 10, 13, 16 or 19 digits");
        return NULL;
    }
    form.opened = (char)opened;
    Scan scan;
    memset(&scan, 0, sizeof scan);
    scan.most_entries = most_entries;
    scan.most_bytes = most_bytes < 0 ? 0 : (size_t)most_bytes;
    scan.empty = empty;
    Stop stop = {bytes + start, line, NULL, 0, ENDED};
    Py_BEGIN_ALLOW_THREADS
    if (make_room(&scan.out, (size_t)(size - start) + (size_t)(size - start) / 2 + 64))
        scan_lines(&scan, &form, bytes + start, bytes + size, line, final, &stop);
    Py_END_ALLOW_THREADS
    PyObject *found = NULL;
    if (scan.out.failed)
        PyErr_NoMemory();
    else
        found = Py_BuildValue("y#y#nLinLLy#y#ii", scan.out.bytes, (Py_ssize_t)scan.out.size, scan.starts == NULL ? "" : (char *)scan.starts,
                              (Py_ssize_t)(scan.count * sizeof(int64_t)), stop.done - bytes, (long long)stop.done_line,
                              stop.reason, stop.problem == NULL ? (Py_ssize_t)-1 : stop.problem - bytes, stop.local,
                              (long long)scan.below, scan.first, (Py_ssize_t)(scan.count ? TIME_SIZE : 0), scan.last,
                              (Py_ssize_t)(scan.count ? TIME_SIZE : 0), scan.month, scan.day);
    PyMem_RawFree(scan.out.bytes);
    PyMem_RawFree(scan.starts);
    return found;
}

static PyMethodDef methods[] = {
    {"scan", scan, METH_VARARGS, "scan(…): see _lines.pyi."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_lines",
    .m_size = 0,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__lines(void)
{
    return PyModuleDef_Init(&definition);
}
