"""Which drawn pictures stand in for patients' pictures, by their keys in services/imaging/phantom_catalogue.py."""

# In the order in which the self-tests of registered versions were made.
HEADS = (
    "axial_t1c_glioma",
    "axial_t1c_meningioma",
    "axial_t1c_healthy",
    "coronal_t1c_pituitary",
    "coronal_t1c_meningioma",
    "coronal_t1c_glioma",
    "sagittal_t1c_pituitary",
    "sagittal_t1c_healthy",
    "axial_t2_healthy",
    "axial_t2_glioma",
    "axial_flair_healthy",
    "axial_flair_glioma",
)
OFFERED_HEADS = (
    "coronal_t1c_pituitary",
    "coronal_t1c_meningioma",
    "sagittal_t1c_healthy",
    "axial_t1c_glioma",
    "axial_t2_healthy",
    "axial_flair_glioma",
)
FILMS = (
    "film_left_mlo_mass",
    "film_right_mlo_calcifications",
    "film_left_mlo_dense",
    "film_right_mlo_fatty",
    "film_left_cc_scattered",
    "film_right_cc_mass",
)
