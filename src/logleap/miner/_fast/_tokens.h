/* The tokens of a masked message, and the template that they match, for `_scan.c`.
 *
 * It does what `text/tokens.py` and `Tree` in `match.py` do. What a piece of a message is, it learns from Python, once.
 */

/* ---- tokens ---------------------------------------------------------------------------------------------------- */

/* What Python tells of a token: what it means for its neighbours (`text/tokens.py`). */
enum { PUNCTUATION = 1, NAMED = 2, LISTING = 4, EQUALS = 8, VARIABLE = 16, UNIT = 32 };
#define ALERT (NAMED | LISTING | EQUALS | VARIABLE)

typedef struct {
    Span text, recipe; /* recipe.at is NULL where it is literal */
    int32_t word;      /* its number among the templates' words; -1: none has it */
    int flags;
    bool blank;
} Token;

/* A piece of a message: a blank, and a word or a sign, as `_TOKEN` finds it; and the tokens it is. */
typedef struct {
    bool plain;
    Py_ssize_t count;
    Token *tokens;
    char *bytes;
} Piece;

typedef struct {
    int64_t length;
    char *variable; /* for each of its tokens whether it is one */
} Template;

typedef struct {
    PyObject *learn, *severity_of;
    Py_ssize_t most, row;
    Texts known; /* pieces, by their numbers */
    Piece *pieces;
    Py_ssize_t piece_count, piece_room;
    Texts words, severities, levels;
    Numbers roots, edges; /* each with a node, or the number of a template, and one */
    int64_t nodes;
    Samples samples;
    Template *templates;
    Py_ssize_t template_count;
    Token *tokens; /* of the message that is worked on */
    Py_ssize_t count, room;
    Buffer recipes;
    Py_ssize_t *starts; /* of the recipes */
    Py_ssize_t recipe_count, recipe_room;
    struct End {
        Py_ssize_t at;
        int64_t node;
    } *ends;
    Py_ssize_t end_room;
} Shaper;

#define MOST_PIECES 200000
#define MOST_PIECE_BYTES (16 << 20)
static const char VARIABLE_TEXT[] = "<*>";

static void forget_pieces(Shaper *shaper)
{
    clear_texts(&shaper->known);
    for (Py_ssize_t at = 0; at < shaper->piece_count; at++) {
        PyMem_Free(shaper->pieces[at].tokens);
        PyMem_Free(shaper->pieces[at].bytes);
    }
    PyMem_Free(shaper->pieces);
    shaper->pieces = NULL;
    shaper->piece_count = shaper->piece_room = 0;
}

static void clear_shaper(Shaper *shaper)
{
    forget_pieces(shaper);
    clear_texts(&shaper->words);
    clear_texts(&shaper->severities);
    clear_texts(&shaper->levels);
    clear_numbers(&shaper->roots);
    clear_numbers(&shaper->edges);
    clear_samples(&shaper->samples);
    for (Py_ssize_t at = 0; at < shaper->template_count; at++)
        PyMem_Free(shaper->templates[at].variable);
    PyMem_Free(shaper->templates);
    PyMem_Free(shaper->tokens);
    drop(&shaper->recipes);
    PyMem_Free(shaper->starts);
    PyMem_Free(shaper->ends);
}

static int64_t number_of_text(const Texts *texts, const uint64_t seed[2], Span text)
{
    Text *found = find_text(texts, hash_of(seed, text.at, text.size), text.at, text.size);
    return found != NULL ? found->number : -1;
}

static int64_t number_or_add(Texts *texts, const uint64_t seed[2], Span text)
{
    uint64_t hash = hash_of(seed, text.at, text.size);
    Text *found = find_text(texts, hash, text.at, text.size);
    if (found == NULL)
        found = add_text(texts, hash, text.at, text.size, texts->count);
    return found != NULL ? found->number : -2;
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v' || (c >= 0x1c && c <= 0x1f);
}

static inline bool is_letter(char c)
{
    return (unsigned char)((c | 32) - 'a') < 26;
}

static inline bool is_stop(char c)
{
    return KINDS[(unsigned char)c] & STOP;
}

static inline bool begins_character(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80;
}

/* Where an address ends that begins here; NULL if none does. */
static const char *address_end(const char *at, const char *end)
{
    const char *start = at;
    if (!is_letter(*at))
        return NULL;
    while (at < end && (is_letter(*at) || is_digit(*at) || *at == '+' || *at == '.' || *at == '-'))
        at++;
    if (at - start > 21 || end - at < 4 || memcmp(at, "://", 3) != 0)
        return NULL;
    const char *rest = at += 3;
    while (at < end && !is_blank(*at) && *at != '"' && *at != '\'' && *at != '<' && *at != '>' && *at != '|')
        at++;
    return at > rest ? at : NULL;
}

/* The same of `<` and a value that no `>` follows within a hundred characters. */
static const char *less_end(const char *at, const char *end)
{
    if (end - at < 2 || at[0] != '<' || at[1] != 0)
        return NULL;
    const char *least = at + 2, *close = at + 2;
    at = least;
    while (at < end && !is_stop(*at))
        at++;
    for (close = at; close < end && *close != '<' && *close != '>'; close++)
        ;
    if (close == end || *close == '<')
        return at;
    int characters = 0;
    for (const char *c = at; c < close && characters <= 100; c++)
        characters += begins_character(*c);
    while (characters <= 100) {
        if (at == least)
            return NULL;
        do
            at--;
        while (!begins_character(*at));
        characters++;
    }
    return at;
}

/* The same of a quotation of so many characters. */
static const char *quotation_end(const char *at, const char *end, int least, int most, bool blanks)
{
    char quote = *at++;
    int characters = 0;
    for (; at < end && *at != quote; at++) {
        characters += begins_character(*at);
        if (characters > most || (!blanks && is_blank(*at)))
            return NULL;
    }
    return at < end && characters >= least ? at + 1 : NULL;
}

static const char *word_end(const char *at, const char *end)
{
    while (at < end && !is_stop(*at) && *at != ':')
        at++;
    const char *next = at;
    while (next < end && *next == ':') {
        while (next < end && *next == ':')
            next++;
        if (next == end || is_stop(*next))
            break;
        while (next < end && !is_stop(*next) && *next != ':')
            next++;
        at = next;
    }
    return at;
}

/* The end of the piece that begins here, of which the blanks end at `word`. */
static const char *piece_end(const char *word, const char *end)
{
    const char *found = address_end(word, end);
    if (found == NULL)
        found = less_end(word, end);
    if (found == NULL && *word == '"')
        found = quotation_end(word, end, 0, 1000, true);
    if (found == NULL && *word == '\'')
        found = quotation_end(word, end, 1, 200, false);
    if (found == NULL && !is_stop(*word) && *word != ':')
        found = word_end(word, end);
    return found != NULL ? found : word + 1;
}

/* Asks Python what a piece is. NULL with an exception. */
static Piece *learn_piece(Shaper *shaper, const uint64_t seed[2], uint64_t hash, Span text)
{
    PyObject *written = text_of(text.at, text.size);
    PyObject *answer = written != NULL ? PyObject_CallOneArg(shaper->learn, written) : NULL;
    Py_XDECREF(written);
    if (answer == NULL)
        return NULL;
    Piece piece = {0};
    PyObject *tokens;
    int plain;
    Buffer bytes = {NULL, 0, 0};
    if (!PyTuple_Check(answer) || !PyArg_ParseTuple(answer, "pO!", &plain, &PyTuple_Type, &tokens)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "what a piece is, is a tuple");
        goto failed;
    }
    piece.plain = plain;
    piece.count = PyTuple_GET_SIZE(tokens);
    piece.tokens = PyMem_Calloc((size_t)piece.count + 1, sizeof *piece.tokens);
    if (piece.tokens == NULL) {
        PyErr_NoMemory();
        goto failed;
    }
    for (Py_ssize_t at = 0; at < piece.count; at++) {
        PyObject *token, *recipe;
        int flags, blank;
        Token *own = &piece.tokens[at];
        if (!PyTuple_Check(PyTuple_GET_ITEM(tokens, at))) {
            PyErr_SetString(PyExc_TypeError, "a token is a tuple");
            goto failed;
        }
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(tokens, at), "UOpi", &token, &recipe, &blank, &flags))
            goto failed;
        own->flags = flags;
        own->blank = blank;
        PyObject *texts[2] = {token, recipe};
        for (int part = 0; part < 2; part++) {
            Span *where = part ? &own->recipe : &own->text;
            where->size = -1;
            if (texts[part] == Py_None && part)
                continue;
            PyObject *encoded = PyUnicode_AsEncodedString(texts[part], "utf-8", "surrogatepass");
            if (encoded == NULL)
                goto failed;
            where->at = (const char *)(intptr_t)bytes.size; /* an offset, until all are there */
            where->size = PyBytes_GET_SIZE(encoded);
            bool done = put(&bytes, PyBytes_AS_STRING(encoded), where->size);
            Py_DECREF(encoded);
            if (!done)
                goto failed;
        }
    }
    if (!reserve(&bytes, 1)) /* so that it is not NULL */
        goto failed;
    piece.bytes = bytes.at;
    for (Py_ssize_t at = 0; at < piece.count; at++) {
        Token *own = &piece.tokens[at];
        own->text.at = bytes.at + (intptr_t)own->text.at;
        own->recipe.at = own->recipe.size < 0 ? NULL : bytes.at + (intptr_t)own->recipe.at;
        own->word = (int32_t)number_of_text(&shaper->words, seed, own->text);
    }
    if (!more_room((void **)&shaper->pieces, &shaper->piece_room, shaper->piece_count, sizeof piece)
        || add_text(&shaper->known, hash, text.at, text.size, shaper->piece_count) == NULL)
        goto failed;
    Py_DECREF(answer);
    shaper->pieces[shaper->piece_count] = piece;
    return &shaper->pieces[shaper->piece_count++];
failed:
    Py_DECREF(answer);
    PyMem_Free(piece.tokens);
    drop(&bytes);
    return NULL;
}

static bool push_token(Shaper *shaper, const Token *token)
{
    if (!more_room((void **)&shaper->tokens, &shaper->room, shaper->count, sizeof *token))
        return false;
    shaper->tokens[shaper->count++] = *token;
    return true;
}

static bool push_recipe(Shaper *shaper, Span text)
{
    if (!more_room((void **)&shaper->starts, &shaper->recipe_room, shaper->recipe_count, sizeof *shaper->starts))
        return false;
    shaper->starts[shaper->recipe_count++] = shaper->recipes.size;
    return put(&shaper->recipes, text.at, text.size);
}

/* What `Tokenizer.shape` makes of a masked message: 1: it is there; 0: Python must, it has a row; -1: an exception. */
static int shape(Shaper *shaper, const uint64_t seed[2], Span masked)
{
    const char *line_end = masked.size ? memchr(masked.at, '\x1d', (size_t)masked.size) : NULL;
    const char *end = masked.at + masked.size;
    bool broken = line_end != NULL;
    Span rest = {end, 0}, cut = {end, 0};
    if (broken)
        rest = (Span){line_end + 1, end - line_end - 1};
    else
        line_end = end;
    if (shaper->known.count > MOST_PIECES || shaper->known.bytes.size > MOST_PIECE_BYTES)
        forget_pieces(shaper);
    shaper->count = shaper->recipe_count = 0;
    shaper->recipes.size = 0;
    const char *at = masked.at;
    int before = 0;
    bool blank_before = false;
    bool marked = broken; /* whether something is left for a last variable token */
    for (;;) {
        const char *word = at;
        while (word < line_end && is_blank(*word))
            word++;
        if (word == line_end)
            break;
        if (shaper->count >= shaper->most) {
            while (is_blank(line_end[-1]))
                line_end--;
            cut = (Span){at, line_end - at};
            marked = true;
            break;
        }
        Span text = {at, piece_end(word, line_end) - at};
        at = text.at + text.size;
        uint64_t hash = hash_of(seed, text.at, text.size);
        Text *found = find_text(&shaper->known, hash, text.at, text.size);
        Piece *piece = found != NULL ? &shaper->pieces[found->number] : learn_piece(shaper, seed, hash, text);
        if (piece == NULL)
            return -1;
        if (piece->plain && !(before & ALERT)) {
            if (!push_token(shaper, piece->tokens))
                return -1;
            before = 0;
            continue;
        }
        for (Py_ssize_t part = 0; part < piece->count; part++) {
            Token token = piece->tokens[part];
            if (token.recipe.at == NULL) {
                if (!(token.flags & PUNCTUATION)) {
                    if (((before & EQUALS) && (blank_before || !token.blank)) || (before & NAMED)) {
                        token.recipe = token.text;
                        token.text = (Span){VARIABLE_TEXT, 3};
                        token.word = 0;
                        token.flags = VARIABLE;
                    } else if ((before & VARIABLE) && (token.flags & UNIT)) {
                        if ((token.blank && !put(&shaper->recipes, " ", 1))
                            || !put(&shaper->recipes, token.text.at, token.text.size))
                            return -1;
                        continue;
                    }
                }
            } else if ((before & LISTING) && shaper->count > 1
                       && (shaper->tokens[shaper->count - 2].flags & VARIABLE)) {
                Token listing = shaper->tokens[--shaper->count];
                if ((listing.blank && !put(&shaper->recipes, " ", 1))
                    || !put(&shaper->recipes, listing.text.at, listing.text.size)
                    || (token.blank && !put(&shaper->recipes, " ", 1))
                    || !put(&shaper->recipes, token.recipe.at, token.recipe.size))
                    return -1;
                before = token.flags;
                blank_before = token.blank;
                continue;
            }
            if (!push_token(shaper, &token) || (token.recipe.at != NULL && !push_recipe(shaper, token.recipe)))
                return -1;
            before = token.flags;
            blank_before = token.blank;
        }
    }
    if (shaper->count == 0 && !marked) {
        Token empty = {{"", 0}, {NULL, -1}, (int32_t)number_of_text(&shaper->words, seed, (Span){"", 0}), 0, false};
        return push_token(shaper, &empty) ? 1 : -1;
    }
    if (marked) {
        Token last = {{VARIABLE_TEXT, 3}, rest, 0, VARIABLE, true};
        if (!push_token(shaper, &last) || !push_recipe(shaper, cut))
            return -1;
        if (broken && cut.size && !put(&shaper->recipes, "\n", 1))
            return -1;
        if (!put(&shaper->recipes, rest.at, rest.size))
            return -1;
        for (Py_ssize_t c = shaper->starts[shaper->recipe_count - 1]; c < shaper->recipes.size; c++)
            if (shaper->recipes.at[c] == '\x1d')
                shaper->recipes.at[c] = '\n';
    }
    return shaper->recipe_count < shaper->row;
}

/* The number of the severity that a masked message tells, or else its context; -1: an exception; -2: none. */
static int64_t severity_number(Shaper *shaper, const uint64_t seed[2], Span masked, Span told)
{
    const char *at = masked.at, *end = masked.at + masked.size;
    int others = 0;
    bool seek = false;
    while (at < end && !is_letter(*at) && others <= 82)
        others += begins_character(*at++);
    if (at < end && is_letter(*at)) {
        char word[20];
        Py_ssize_t size = 0;
        while (at < end && is_letter(*at) && size < (Py_ssize_t)sizeof word)
            word[size++] = (char)(*at++ | 32);
        seek = number_of_text(&shaper->levels, seed, (Span){word, size}) >= 0;
    }
    end = masked.size > 1200 ? masked.at + 1200 : end;
    for (at = masked.at; !seek && end - at >= 3; at++)
        if (*at == 'l' || *at == 's')
            seek = memcmp(at, "lvl", 3) == 0 || (end - at >= 5 && memcmp(at, "level", 5) == 0)
                || (end - at >= 8 && memcmp(at, "severity", 8) == 0);
    if (seek) {
        PyObject *text = text_of(masked.at, masked.size);
        PyObject *answer = text != NULL ? PyObject_CallOneArg(shaper->severity_of, text) : NULL;
        Py_XDECREF(text);
        if (answer == NULL)
            return -1;
        if (answer != Py_None) {
            Py_ssize_t size;
            const char *name = PyUnicode_AsUTF8AndSize(answer, &size);
            int64_t number = name != NULL ? number_or_add(&shaper->severities, seed, (Span){name, size}) : -1;
            Py_DECREF(answer);
            return number < 0 ? -1 : number;
        }
        Py_DECREF(answer);
    }
    if (!told.size)
        return -2;
    int64_t number = number_or_add(&shaper->severities, seed, told);
    return number < 0 ? -1 : number;
}

static inline uint64_t edge_key(int64_t node, int64_t word)
{
    return (uint64_t)node << 32 | (uint32_t)word;
}

/* What `Tree.find` finds for the tokens: the number of a template, -1: none, -2: an exception. */
static int64_t find_template(Shaper *shaper, int64_t severity)
{
    int64_t root = value_at(&shaper->roots, edge_key(severity + 2, shaper->count));
    if (!root)
        return -1;
    Py_ssize_t open = 0;
    int64_t node = root;
    Py_ssize_t at = 0;
    for (;;) {
        int32_t word = shaper->tokens[at].word;
        int64_t variable = value_at(&shaper->edges, edge_key(node, 0));
        int64_t found = word > 0 ? value_at(&shaper->edges, edge_key(node, word)) : 0;
        if (!found) {
            found = variable;
        } else if (variable && at + 1 < shaper->count) {
            if (!more_room((void **)&shaper->ends, &shaper->end_room, open, sizeof *shaper->ends))
                return -2;
            shaper->ends[open++] = (struct End){at + 1, variable};
        }
        at++;
        if (found && at == shaper->count)
            return found - 1;
        node = found;
        if (!found) {
            if (!open)
                return -1;
            at = shaper->ends[--open].at;
            node = shaper->ends[open].node;
        }
    }
}

/* Adds a template: a word's number is there for all that any template has. */
static bool add_template(Shaper *shaper, const uint64_t seed[2], PyObject *severity, PyObject *tokens, int64_t number)
{
    Py_ssize_t length = PyTuple_GET_SIZE(tokens);
    if (number != shaper->template_count || !length) {
        PyErr_SetString(PyExc_ValueError, "templates have tokens, and are numbered one after another");
        return false;
    }
    Template *more = PyMem_Realloc(shaper->templates, (size_t)(number + 1) * sizeof *more);
    char *variable = more != NULL ? PyMem_Calloc((size_t)length, 1) : NULL;
    if (more != NULL)
        shaper->templates = more;
    if (variable == NULL) {
        PyErr_NoMemory();
        return false;
    }
    shaper->templates[shaper->template_count++] = (Template){length, variable};
    int64_t of = -2;
    if (severity != Py_None) {
        Py_ssize_t size;
        const char *name = PyUnicode_AsUTF8AndSize(severity, &size);
        if (name == NULL || (of = number_or_add(&shaper->severities, seed, (Span){name, size})) < 0)
            return false;
    }
    Numbers *where = &shaper->roots;
    uint64_t key = edge_key(of + 2, length);
    for (Py_ssize_t at = 0; at <= length; at++) {
        int64_t next = value_at(where, key);
        if (at == length) { /* the later of two that are equal counts, as in Python */
            if (!count_number(where, key, number + 1 - next))
                return false;
            break;
        }
        if (!next) {
            next = ++shaper->nodes;
            if (!count_number(where, key, next))
                return false;
        }
        PyObject *encoded = PyUnicode_AsEncodedString(PyTuple_GET_ITEM(tokens, at), "utf-8", "surrogatepass");
        if (encoded == NULL)
            return false;
        Span text = {PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded)};
        int64_t word = number_or_add(&shaper->words, seed, text);
        Py_DECREF(encoded);
        if (word < 0)
            return false;
        variable[at] = word == 0;
        where = &shaper->edges;
        key = edge_key(next, word);
    }
    return true;
}
