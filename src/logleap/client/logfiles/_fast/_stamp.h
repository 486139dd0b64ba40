/* Takes the time off a text, by the program that says how a file writes its times, and makes UTC of it.
 *
 * What it takes is a part of what the expressions in _layout/stamps.py take, with the same time as a result; at all else it
 * says ODD, and Python reads the text. The text ends with a byte that is no part of a time, such as the zero byte that
 * ends a bytes object: looking at one byte after the other needs no check for the end as long as each was what it had
 * to be.
 */

#ifndef LOGLEAP_STAMP_H
#define LOGLEAP_STAMP_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define TIME_SIZE 27 /* 2026-03-02T06:00:00.123456Z */
#define MOST_BEFORE 300

/* ---- what is told about the file ---------------------------------------------------------------------------- */

typedef struct {
    const char *program; /* the parts of a time, see program.py */
    char opened;         /* the bracket before the time, or 0 */
    int lead;            /* words before the time; -1: any, up to the first bracket */
    char mark;           /* what ends each of these words where that is no blank, or 0 */
    int zone;            /* whether `zone_text` must stand behind the time */
    const char *zone_text;
    Py_ssize_t zone_size;
    int priority; /* whether syslog's priority stands first */
    int yearless;
    int counted; /* digits of a number that counts from 1970, or 0 */
    int indented; /* whether lines may begin with blanks before the time */
    int custom;   /* whether the program is that of --timestamp-format */
    const char *names; /* abbreviations of zones, and areas that their names begin with, each between blanks */
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

/* Reads what Python tells in two tuples; false with an exception set. */
static bool read_form(PyObject *form_told, PyObject *now_told, Form *form)
{
    int opened, mark;
    if (!PyArg_ParseTuple(form_told, "siiiis#iiiiis", &form->program, &opened, &form->lead, &mark, &form->zone, &form->zone_text,
                          &form->zone_size, &form->priority, &form->yearless, &form->counted, &form->indented,
                          &form->custom, &form->names)
        || !PyArg_ParseTuple(now_told, "LLLiiL", &form->first_second, &form->last_second, &form->offset, &form->year,
                             &form->month, &form->last_day))
        return false;
    if (form->counted != 0 && form->counted != 10 && form->counted != 13 && form->counted != 16 && form->counted != 19) {
        PyErr_SetString(PyExc_ValueError, "numbers that count from 1970 have 10, 13, 16 or 19 digits");
        return false;
    }
    form->opened = (char)opened;
    form->mark = (char)mark;
    return true;
}

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
    char wanted[16] = " ";
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
    return q[letters] == '/' && is_name(form, q, letters);
}

/* ---- a time -------------------------------------------------------------------------------------------------- */

static const char MONTHS[] = "janfebmaraprmayjunjulaugsepoctnovdec";
static const char WEEKDAYS[] = "montuewedthufrisatsun";

typedef struct {
    int year, month, day, weekday, hour, minute, second;
    char fraction[6];
} Parts;

/* Passes a fraction behind any of the `marks`. */
static int pass_fraction(const char **at, Parts *parts, const char *marks)
{
    const char *p = *at;
    memset(parts->fraction, '0', 6);
    if (*p == 0 || !is_digit(p[1]) || strchr(marks, *p) == NULL)
        return TIME;
    if (*p != ':') {
        p++;
        for (int i = 0; is_digit(*p); i++, p++)
            if (i < 6)
                parts->fraction[i] = *p;
    } else { /* milliseconds, not padded */
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
    return pass_fraction(at, parts, ".,:");
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
    return is_letter(**at) || is_digit(**at) ? ODD : TIME;
}

/* Passes a time, as far as its program goes; the letters are explained in program.py. `*at` is then where it fails. */
static int run_program(const Form *form, const char **at, Parts *parts, Stamp *stamp)
{
    const char *p = *at;
    memset(parts->fraction, '0', 6);
    for (const char *part = form->program; *part; part++) {
        int how = TIME;
        char mark[2] = {0};
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
        case 'A':
            if ((parts->weekday = name_of(p, WEEKDAYS)) < 0) return NO_TIME;
            p += 3;
            while (*p >= 'a' && *p <= 'z') p++;
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
        case 'h': if ((parts->hour = one_or_two(&p)) < 0) return NO_TIME; break;
        case 'n': if ((parts->minute = one_or_two(&p)) < 0) return NO_TIME; break;
        case 's': if ((parts->second = one_or_two(&p)) < 0) return NO_TIME; break;
        case 'f':
            mark[0] = *++part;
            how = pass_fraction(&p, parts, mark);
            break;
        case 'o': if (*p == '.') p++; break;
        case '+':
            if (!is_blank(*p)) return NO_TIME;
            while (is_blank(*p)) p++;
            break;
        case '=': if (*p++ != *++part) return NO_TIME; break;
        default: if (*p++ != *part) return NO_TIME;
        }
        if (how != TIME)
            return how;
        *at = p;
    }
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

/* A number that counts from 1970: seconds, or in thousandths, millionths, milliardths of them by its digits.
 *
 * The program has the marks that a fraction may stand behind. */
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
        if (more || strchr(form->program, *p) == NULL)
            return ODD;
        pass_fraction(&p, &parts, form->program);
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
    if (form->mark) {
        for (int i = 0; i < form->lead; i++) {
            last = p;
            while (p < limit && *p != form->mark && *p != '\n')
                p++;
            if (p >= limit || *p == '\n')
                return NO_TIME;
            p++;
        }
        while (p < limit && *p == ' ')
            p++;
        for (const char *q = last; q < p - 1; q++)
            if (*q == ' ' && q[1] != ' ' && q[1] != form->mark)
                last = q + 1;
    } else if (form->lead > 0) {
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
    while (form->indented && is_blank(*p))
        p++;
    int how = pass_lead(form, &p, end, stamp);
    if (how != TIME)
        return how;
    if (form->opened && *p++ != form->opened)
        return form->custom ? ODD : NO_TIME;
    Parts parts = {.weekday = -1, .year = 1};
    const char *begin = p;
    if (form->counted)
        how = count_time(form, &p, stamp);
    else
        how = run_program(form, &p, &parts, stamp);
    if (how == NO_TIME && form->custom && p != begin)
        how = ODD; /* its expression may match otherwise: what is passed here at once may be passed in part */
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

#endif
