/* Holds calendars against libical's rules for what each component may and must have (icalrestriction.h).
 *
 *     icalcheck FILE...
 *
 * One line a problem; exit 1 when there is one, 2 when a file cannot be read. */
#include <libical/ical.h>
#include <stdio.h>
#include <stdlib.h>

static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) return NULL;
    long bytes = ftell(file);
    rewind(file);
    char *text = calloc((size_t)bytes + 1, 1);
    if (!text || fread(text, 1, (size_t)bytes, file) != (size_t)bytes) return NULL;
    fclose(file);
    return text;
}

/* The checks leave their findings in the component as X-LIC-ERROR properties. */
static int tell(const char *path, icalcomponent *component) {
    int found = 0;
    icalproperty *error = icalcomponent_get_first_property(component, ICAL_XLICERROR_PROPERTY);
    for (; error; error = icalcomponent_get_next_property(component, ICAL_XLICERROR_PROPERTY), found++)
        printf("FAIL %s: %s: %s\n", path, icalcomponent_kind_to_string(icalcomponent_isa(component)),
               icalproperty_get_xlicerror(error));
    icalcomponent *part = icalcomponent_get_first_component(component, ICAL_ANY_COMPONENT);
    for (; part; part = icalcomponent_get_next_component(component, ICAL_ANY_COMPONENT)) found += tell(path, part);
    return found;
}

int main(int count, char **paths) {
    int found = 0;
    for (int index = 1; index < count; index++) {
        char *text = read_file(paths[index]);
        icalcomponent *calendar = text ? icalparser_parse_string(text) : NULL;
        if (!calendar) {
            printf("FAIL %s: not a calendar\n", paths[index]);
            return 2;
        }
        icalrestriction_check(calendar);
        int here = tell(paths[index], calendar);
        if (!here) printf("ok   %s: by libical's rules\n", paths[index]);
        found += here;
        icalcomponent_free(calendar);
        free(text);
    }
    return count < 2 ? 2 : found != 0;
}
