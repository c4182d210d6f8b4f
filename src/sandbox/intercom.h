/*
 * sandbox/intercom: what the files of the stand-in for Intercom share.
 *
 *     intercom.c           who may come in, errors, headers, companies, the routes
 *     intercom_contact.c   contacts, and the companies they are attached to
 *     intercom_search.c    search of contacts
 *     intercom_schema.c    objects, data attributes, and values by their types
 */
#ifndef EFF_SANDBOX_INTERCOM_H
#define EFF_SANDBOX_INTERCOM_H

#include "sandbox/bag.h"

#define EFF_IC_CUSTOM   "custom_attributes."
#define EFF_IC_CONTACT  1 /* types of links; both ways are kept */
#define EFF_IC_COMPANY  2
#define EFF_IC_PAGE_MAX 150

/* ---- intercom.c ---- */

void eff_ic_error(struct eff_call *call, int status, const char *code, eff_str message);
eff_str eff_ic_id(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq);
/* 0: no id of such an object. */
int64_t eff_ic_seq(const struct eff_shape *shape, eff_str id);
struct eff_shape *eff_ic_contacts(const struct eff_call *call);
struct eff_shape *eff_ic_companies(const struct eff_call *call);
/* NULL when it has answered: the body is no JSON object. */
const struct eff_json *eff_ic_body(struct eff_call *call);
void eff_ic_write_company(struct eff_call *call, struct eff_json_writer *w,
                          const struct eff_record *record);
/* The live company of that id; false: answered. */
bool eff_ic_company(struct eff_call *call, eff_str id, struct eff_record *ret_record);
/* "pages" of a list by numbers. */
void eff_ic_write_pages(struct eff_json_writer *w, int64_t page, int64_t per_page, int64_t total);

/* ---- intercom_contact.c ---- */

void eff_ic_write_contact(struct eff_call *call, struct eff_json_writer *w,
                          const struct eff_record *record);
bool eff_ic_archived(const struct eff_call *call, const struct eff_record *record);
void eff_ic_contact_create(struct eff_call *call);
void eff_ic_contact_show(struct eff_call *call);
void eff_ic_contact_find(struct eff_call *call);
void eff_ic_contact_update(struct eff_call *call);
void eff_ic_contact_delete(struct eff_call *call);
void eff_ic_contact_archive(struct eff_call *call);
void eff_ic_contact_unarchive(struct eff_call *call);
/* Both ways. False: they were not attached. */
bool eff_ic_unlink(struct eff_call *call, int64_t contact, int64_t company);
void eff_ic_attach(struct eff_call *call);
void eff_ic_attached(struct eff_call *call);
void eff_ic_detach(struct eff_call *call);

/* ---- intercom_search.c ---- */

void eff_ic_contact_list(struct eff_call *call);
void eff_ic_contact_search(struct eff_call *call);

/* ---- intercom_schema.c ---- */

void eff_ic_shapes(struct eff_shapes *shapes);
/* The members into cells. False: answered. */
bool eff_ic_take(struct eff_call *call, const struct eff_shape *shape,
                 const struct eff_json *object, struct eff_cell *cells);
void eff_ic_attributes(struct eff_call *call);
void eff_ic_attribute_create(struct eff_call *call);
void eff_ic_attribute_update(struct eff_call *call);

#endif
